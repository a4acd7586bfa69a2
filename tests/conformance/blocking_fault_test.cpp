// Blocking calls that do to their thread or process what they should not.

#include "runtime/flavors.h"
#include "support/child_process.h"
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <latch>
#include <optional>
#include <pthread.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include <edo/base/unique_fd.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/spawn_blocking.h>
#include <edo/task/spawn.h>
#include <edo/timer/sleep.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

EDO_SUITE_FOR_ALL_RUNTIMES(rude_call);

void block_all_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

/// Whether the calling thread has SIGUSR1 blocked.
bool is_deaf() {
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
    return ::sigismember(&now, SIGUSR1) == 1;
}

std::latch* handled = nullptr;

void note_signal(int) {
    handled->count_down();
}

// The mask stays with the thread: who blocks signals there gives them back.
TEST_P(rude_call, that_blocks_all_signals_deafens_its_thread_alone) {
    std::latch handled_here(1);
    handled = &handled_here;

    struct sigaction action{}, before{};

    action.sa_handler = &note_signal;
    ::sigaction(SIGUSR1, &action, &before);
    const auto made = make(std::move(runtime::builder().max_blocking_threads(1)));

    made->block_on([]() -> task<> {
        co_await spawn_blocking(block_all_signals);
        co_await edo::sleep(1ms);
        const bool stays = co_await spawn_blocking(is_deaf);
        EXPECT_TRUE(stays);
    });
    EXPECT_FALSE(is_deaf());
    ::kill(::getpid(), SIGUSR1);
    handled_here.wait();

    EXPECT_TRUE(made->shutdown().is_clean());
    ::sigaction(SIGUSR1, &before, nullptr);
}

/// Returns: with what the child ended.
int fork_and_wait() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(7);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

task<> fork_many_times() {
    for (int i = 0; i < 10; ++i) {
        const int ended = co_await spawn_blocking(fork_and_wait);
        EXPECT_EQ(ended, 7);
        co_await edo::sleep(100us);
    }
}

TEST_P(rude_call, that_forks_leaves_the_runtime_to_the_parent) {
    const auto made = make();

    made->block_on(fork_many_times());

    EXPECT_TRUE(made->shutdown().is_clean());
}

/// A pipe to which nobody writes, as the standard input of a program often is.
class silent_pipe {
public:
    silent_pipe() {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read_.reset(ends[0]);
        write_.reset(ends[1]);
    }

    /// Reads until something comes, which `begun` hears of before.
    int read(std::latch& begun) const {
        begun.count_down();
        char byte = 0;
        return static_cast<int>(::read(read_.get(), &byte, 1));
    }

    void end() { write_.reset(); }

private:
    unique_fd read_, write_;
};

/// Has the runtime read from the pipe in a blocking call that does not come back.
template <class Runtime>
void read_in_vain(Runtime& rt, const silent_pipe& from) {
    static std::latch begun(1);
    rt.spawn([&from]() -> task<> {
          static_cast<void>(co_await spawn_blocking([&from] { return from.read(begun); }));
      }).detach();
    rt.block_on(edo::sleep(1ms));
    begun.wait();
}

/// Never destroyed: that would end the read.
silent_pipe& pipe_of_the_process() {
    static silent_pipe& pipe = *new silent_pipe;
    return pipe;
}

std::optional<runtime>& runtime_of_the_process() {
    static std::optional<runtime> rt;
    return rt;
}

/// Each way to end a process whose runtime has a read pending that nothing will ever end.
void end_by_exit(runtime& rt) {
    read_in_vain(rt, pipe_of_the_process());
    std::exit(3);
}

void end_after_a_limit(runtime& rt) {
    read_in_vain(rt, pipe_of_the_process());
    const shutdown_report report = rt.shutdown(50ms);
    EXPECT_EQ(report.blocking_calls.size(), 1U) << report.to_string();
    std::exit(::testing::Test::HasFailure() ? 1 : 3);
}

TEST(pending_read, does_not_keep_a_process_that_exits) {
    child_process child([] {
        auto rt = runtime::builder().worker_threads(2).build().value();
        end_by_exit(rt);
    });

    EXPECT_EQ(child.end(), "exit 3");
}

// The runtime is destroyed by exit(), after it has been told not to wait.
TEST(pending_read, does_not_keep_a_process_whose_static_runtime_was_shut_down_with_a_limit) {
    child_process child([] {
        auto& rt = runtime_of_the_process();
        rt.emplace(runtime::builder().worker_threads(2).build().value());
        end_after_a_limit(*rt);
    });

    EXPECT_EQ(child.end(), "exit 3");
}

// Without a limit the destructor waits for the call, as it says: until the pipe ends.
TEST(pending_read, is_waited_for_by_the_destructor_until_it_returns) {
    child_process child([] {
        std::thread ends;
        {
            auto rt = runtime::builder().worker_threads(2).build().value();
            read_in_vain(rt, pipe_of_the_process());
            ends = std::thread([] { pipe_of_the_process().end(); });
        }
        ends.join();
    });

    EXPECT_EQ(child.end(), "exit 0");
}

}  // namespace
}  // namespace edo::testing
