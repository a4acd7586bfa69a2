// The stack in the report of a blocked worker: it says which call blocks, and that call does not
// notice.

#include "runtime/blocked_reports.h"
#include "support/stand_in.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <functional>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/sys.h>
#include <edo/runtime/blocked_worker.h>
#include <edo/runtime/runtime.h>
#include <edo/task/yield.h>

namespace edo::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a task blocks in until it is let go, and what its call has answered.
class obstacle {
public:
    obstacle() { EXPECT_EQ(::pipe(ends), 0); }

    obstacle(const obstacle&) = delete;

    ~obstacle() {
        ::close(ends[0]);
        ::close(ends[1]);
    }

    int ends[2];
    std::atomic<pthread_t> blocked{};
    std::atomic<bool> is_over = false;
    std::atomic<bool> went_on_early = false;
};

// No call at their ends may become a jump.
[[gnu::noinline]] void read_in_vain(obstacle& in) {
    char byte = 0;
    EXPECT_EQ(::read(in.ends[0], &byte, 1), 1);
    in.went_on_early = !in.is_over;
}

[[gnu::noinline]] void poll_in_vain(obstacle& in) {
    pollfd wanted{in.ends[0], POLLIN, 0};
    EXPECT_EQ(::poll(&wanted, 1, -1), 1);
    in.went_on_early = !in.is_over;
}

[[gnu::noinline]] void sleep_in_vain(obstacle& in) {
    const timespec hour{3600, 0};
    EXPECT_EQ(::nanosleep(&hour, nullptr), -1);  // the test ends it, and nobody else may
    EXPECT_EQ(errno, EINTR);
    in.went_on_early = !in.is_over;
}

[[gnu::noinline]] void compute_in_vain(obstacle& in) {
    while (!in.is_over)
        detail::spin_hint();
    asm volatile("");
}

[[gnu::noinline]] void recurse(obstacle& in, int depth) {
    if (depth == 0)
        read_in_vain(in);
    else
        recurse(in, depth - 1);
    asm volatile("");
}

[[gnu::noinline]] void recurse_in_vain(obstacle& in) {
    recurse(in, 50);
    asm volatile("");
}

class way_to_block {
public:
    const char* name;
    void (*block)(obstacle&);
};

[[gnu::noinline]] void take_the_way(const way_to_block& way, obstacle& in) {
    way.block(in);
    asm volatile("");
}

task<> block_in(std::reference_wrapper<const way_to_block> way,
                std::reference_wrapper<obstacle> in) {
    co_await yield_now();
    in.get().blocked = ::pthread_self();
    take_the_way(way, in);
}

void do_nothing(int) {}

/// Blocks the worker of a runtime, lets it be reported, and lets it go.
class blocked_stack_of : public ::testing::TestWithParam<way_to_block> {
protected:
    blocked_worker report_by(const runtime_builder& builder) {
        const reports seen;
        obstacle in;
        auto rt = runtime_builder(builder).build().value();
        auto task = rt.spawn(block_in, std::cref(GetParam()), std::ref(in));
        await([] { return reports::count() == 1; });
        blocked_worker report = reports::at(0);
        in.is_over = true;
        if (GetParam().block == &sleep_in_vain) {
            // Ignored by default, so that it does no harm if it comes late.
            struct sigaction ends{}, before;
            ends.sa_handler = &do_nothing;
            ::sigaction(SIGWINCH, &ends, &before);
            ::pthread_kill(in.blocked, SIGWINCH);
            rt.block_on(std::move(task).join());
            ::sigaction(SIGWINCH, &before, nullptr);
        } else {
            EXPECT_EQ(::write(in.ends[1], "x", 1), 1);
            rt.block_on(std::move(task).join());
        }
        EXPECT_FALSE(in.went_on_early);
        return report;
    }
};

class waiting_worker : public blocked_stack_of {
    void SetUp() override {
        const bool is_for_a_time =
            GetParam().block == &poll_in_vain || GetParam().block == &sleep_in_vain;
        if (is_for_a_time && is_wait_seen_by_signal())
            GTEST_SKIP() << "the kernel speaks of an emulator's threads, not of ours; the signal "
                            "that asks ours would end a call that waits for a time";
    }
};

TEST_P(waiting_worker, is_reported_with_the_calls_that_led_there_and_does_not_notice) {
    const blocked_worker report = report_by(reporting_builder());

    EXPECT_THAT(report.stack,
                ContainsRegex(std::string("^[a-z_]+[+]0x[0-9a-f]+ <- .*") + GetParam().name +
                              "[+]0x[0-9a-f]+ <- (perhaps )?[^<]*take_the_way"
                              "[+]0x[0-9a-f]+ <- (perhaps )?[^<]*block_in[^<]*[+]0x"));
    EXPECT_THAT(report.to_string(), HasSubstr(", in the system call " + report.system_call +
                                              ", at " + report.stack + "; blocking work"));
}

TEST_P(waiting_worker, is_shown_down_to_the_poll_and_no_further) {
    const blocked_worker report = report_by(reporting_builder());

    EXPECT_THAT(report.stack, Not(HasSubstr("worker::")));
    EXPECT_THAT(report.stack, Not(HasSubstr("context::run")));
    EXPECT_THAT(report.stack, Not(HasSubstr("start_thread")));
}

TEST_P(waiting_worker, is_reported_without_a_stack_if_nobody_wants_one) {
    const blocked_worker report = report_by(reporting_builder().report_stack(blocked_stack::none));

    EXPECT_EQ(report.stack, "");
    EXPECT_NE(report.system_call, "");
}

INSTANTIATE_TEST_SUITE_P(each,
                         waiting_worker,
                         ::testing::Values(way_to_block{"read_in_vain", &read_in_vain},
                                           way_to_block{"poll_in_vain", &poll_in_vain},
                                           way_to_block{"sleep_in_vain", &sleep_in_vain}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

class deep_worker : public blocked_stack_of {};

TEST_P(deep_worker, is_reported_with_both_ends_of_its_stack) {
    const blocked_worker report = report_by(reporting_builder());

    EXPECT_THAT(report.stack, ContainsRegex("read_in_vain.* <- [(][0-9]+ more[)] <- .*recurse"
                                            "[+]0x.* <- [^<]*recurse_in_vain[+]0x.*block_in"));
}

INSTANTIATE_TEST_SUITE_P(each,
                         deep_worker,
                         ::testing::Values(way_to_block{"recurse_in_vain", &recurse_in_vain}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

class computing_worker : public blocked_stack_of {};

TEST_P(computing_worker, is_left_alone) {
    const blocked_worker report = report_by(reporting_builder());

    EXPECT_EQ(report.stack, "");
    EXPECT_EQ(report.system_call, "");
}

// The thread sanitizer delivers signals when it likes, so nobody is stopped under it.
const char* const computes_there = EDO_THREAD_SANITIZED
                                       ? "^$"
                                       : "compute_in_vain[+]0x[0-9a-f]+ <- [^<]*take_the_way"
                                         "[+]0x[0-9a-f]+ <- [^<]*block_in[^<]*[+]0x";

bool is_default(int signal) {
    struct sigaction found{};
    EXPECT_EQ(::sigaction(signal, nullptr, &found), 0);
    return (found.sa_flags & SA_SIGINFO) == 0 && found.sa_handler == SIG_DFL;
}

TEST_P(computing_worker, is_stopped_and_looked_at_if_that_is_wanted) {
    // As often as it takes: on a busy machine it may not get a processor in time.
    std::string stack;
    do
        stack = report_by(reporting_builder().report_stack(blocked_stack::always)).stack;
    while (stack.empty() && !EDO_THREAD_SANITIZED);

    EXPECT_THAT(stack, ContainsRegex(computes_there));
    EXPECT_THAT(stack, Not(HasSubstr("perhaps")));
    EXPECT_TRUE(is_default(SIGURG));
}

std::atomic<int> urgent_signals = 0;

void count_signal(int) {
    ++urgent_signals;
}

TEST_P(computing_worker, is_left_alone_if_the_program_uses_the_signal) {
    struct sigaction own{};
    own.sa_handler = &count_signal;
    ASSERT_EQ(::sigaction(SIGURG, &own, nullptr), 0);
    const blocked_worker report =
        report_by(reporting_builder().report_stack(blocked_stack::always));
    struct sigaction found{};
    EXPECT_EQ(::sigaction(SIGURG, nullptr, &found), 0);
    ::signal(SIGURG, SIG_DFL);

    EXPECT_EQ(report.stack, "");
    EXPECT_EQ(urgent_signals, 0);
    EXPECT_EQ(found.sa_handler, &count_signal);
}

int lose_signal(int, int, int) noexcept {
    return 0;
}

TEST_P(computing_worker, is_reported_without_a_stack_if_it_does_not_stop) {
    detail::sys::current.tgkill = &lose_signal;
    const blocked_worker report =
        report_by(reporting_builder().report_stack(blocked_stack::always));
    detail::sys::current.tgkill = &detail::sys::kernel::tgkill;

    EXPECT_EQ(report.stack, "");
    EXPECT_TRUE(is_default(SIGURG));
}

TEST_P(waiting_worker, is_not_sent_a_signal_whatever_is_wanted) {
    detail::sys::current.tgkill = [](int, int, int) noexcept {
        ++urgent_signals;
        return -ESRCH;
    };
    urgent_signals = 0;
    const blocked_worker report =
        report_by(reporting_builder().report_stack(blocked_stack::always));
    detail::sys::current.tgkill = &detail::sys::kernel::tgkill;

    EXPECT_THAT(report.stack, HasSubstr(GetParam().name));
    EXPECT_EQ(urgent_signals, 0);
}

INSTANTIATE_TEST_SUITE_P(each,
                         computing_worker,
                         ::testing::Values(way_to_block{"compute_in_vain", &compute_in_vain}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

}  // namespace
}  // namespace edo::testing
