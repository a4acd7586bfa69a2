#include "net/io_loop.h"
#include "net/local_pair.h"
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/census.h>
#include <edo/base/seam/tuning.h>
#include <edo/base/unique_fd.h>

// What the ring does when the kernel does not take its requests. liburing makes its calls itself,
// out of reach of the table of system calls; so the kernel is told to refuse them, in a process
// made for it.

namespace edo::testing {
namespace {

using readers = std::vector<join_handle<result<std::size_t>>>;

void install(const sock_filter* code, unsigned short length) {
    const sock_fprog program{length, const_cast<sock_filter*>(code)};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/// From now on the kernel takes requests only from a call that fetches reports, too. A queue that
/// is full stays so until the next turn of the reactor.
void refuse_mere_submissions() {
    const std::array filter{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 3),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IORING_ENTER_GETEVENTS, 1, 0),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    install(filter.data(), filter.size());
}

/// From now on the kernel takes no request and gives no report.
void refuse_everything() {
    const std::array filter{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    install(filter.data(), filter.size());
}

/// Runs `check` in a process of its own, where calls may be refused for good: with a loop on
/// io_uring, which leaves nothing behind. Skips the test if there is none here.
void in_a_process(void (*check)(io_loop& loop)) {
    if (reactors_here().size() < 2) GTEST_SKIP() << "the kernel has no io_uring here";
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        {
            io_loop loop(reactor_kind::io_uring);
            check(loop);
        }
        EXPECT_EQ(detail::census_of(detail::census_kind::descriptor), 0);
        EXPECT_EQ(detail::census_of(detail::census_kind::frame), 0);
        std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

readers read_from(io_loop& loop, std::vector<local_pair>& pairs) {
    readers started;
    for (local_pair& pair : pairs)
        started.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    return started;
}

void end(io_loop& loop, readers started) {
    for (auto& reader : started)
        reader.request_cancel();
    loop.run_ready();
}

/// Takes everything that the kernel has to report, of which it gives only so much at a time.
void look_at_all(io_loop& loop) {
    while (loop.reactor().poll(duration::zero()) != 0) {
    }
    loop.run_ready();
}

/// Sees to it that there is nothing to report about a pair: it can neither be read nor written to.
void make_quiet(const local_pair& pair) {
    constexpr int least = 1;
    ASSERT_EQ(::setsockopt(pair.handle.fd(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    while (::send(pair.handle.fd(), "x", 1, MSG_NOSIGNAL) == 1) {
    }
}

bool is_armed(const local_pair& pair) {
    return pair.handle.record()->reactor_notes.armed;
}

TEST(uring_reactor, polls_that_found_no_room_are_requested_later) {
    in_a_process([](io_loop& loop) {
        refuse_mere_submissions();
        std::vector<local_pair> pairs(2 * detail::tuning::ring_entries);
        readers started = read_from(loop, pairs);
        ASSERT_FALSE(is_armed(pairs.back()));

        for (local_pair& pair : pairs)
            pair.send_byte();
        look_at_all(loop);

        for (auto& reader : started)
            ASSERT_TRUE(reader.is_finished());
    });
}

TEST(uring_reactor, removals_that_found_no_room_are_requested_later) {
    in_a_process([](io_loop& loop) {
        std::vector<local_pair> leaving(20);
        end(loop, read_from(loop, leaving));
        look_at_all(loop);
        refuse_mere_submissions();
        std::vector<local_pair> full(detail::tuning::ring_entries);
        readers started = read_from(loop, full);
        const auto before = detail::census_of(detail::census_kind::frame);

        for (local_pair& pair : leaving)
            pair.handle = {};

        for (local_pair& pair : leaving) {
            char nothing = 0;
            ASSERT_EQ(::recv(pair.peer.get(), &nothing, 1, MSG_DONTWAIT), 0)
                << "the peer hears of the end all the same";
        }
        ASSERT_EQ(detail::census_of(detail::census_kind::frame), before) << "still the kernel's";
        look_at_all(loop);
        EXPECT_EQ(detail::census_of(detail::census_kind::frame), before - 20);
        end(loop, std::move(started));
    });
}

TEST(uring_reactor, record_that_leaves_before_its_poll_was_requested_gets_none) {
    in_a_process([](io_loop& loop) {
        refuse_mere_submissions();
        std::vector<local_pair> full(detail::tuning::ring_entries);
        for (const local_pair& pair : full)
            make_quiet(pair);
        readers started = read_from(loop, full);
        std::vector<local_pair> late(2);
        end(loop, read_from(loop, late));
        ASSERT_EQ(loop.reactor().poll(duration::zero()), 0u);  // makes room that nobody uses yet
        ASSERT_FALSE(is_armed(late[0]) || is_armed(late[1]));
        const int numbers[] = {late[0].handle.fd(), late[1].handle.fd()};

        late[0].handle = {};
        std::thread([&] { late[1].handle = {}; }).join();
        // Their numbers, and the memory of one, are now of others with something to report.
        local_pair stranger;
        std::vector<unique_fd> taken;
        for (const int number : numbers)
            if (::fcntl(number, F_GETFD) == -1)
                taken.emplace_back(::dup2(stranger.peer.get(), number));

        for (int turns = 0; turns < 3; ++turns)
            EXPECT_EQ(loop.reactor().poll(duration::zero()), 0u);
        end(loop, std::move(started));
    });
}

TEST(uring_reactor, polls_that_found_no_room_are_not_requested_after_shutdown) {
    in_a_process([](io_loop& loop) {
        refuse_mere_submissions();
        std::vector<local_pair> pairs(2 * detail::tuning::ring_entries);
        readers started = read_from(loop, pairs);
        local_pair& late = pairs.back();
        ASSERT_FALSE(is_armed(late));

        loop.reactor().shutdown();
        look_at_all(loop);
        started.clear();
        late.handle = {};

        char nothing = 0;
        EXPECT_EQ(::recv(late.peer.get(), &nothing, 1, MSG_DONTWAIT), 0) << "the file is open yet";
    });
}

TEST(uring_reactor, shutdown_does_without_the_kernel) {
    in_a_process([](io_loop& loop) {
        std::vector<local_pair> pairs(100);
        readers started = read_from(loop, pairs);
        loop.look();
        std::vector<local_pair> leaving(100);
        end(loop, read_from(loop, leaving));
        look_at_all(loop);
        refuse_everything();

        for (local_pair& pair : leaving)
            pair.handle = {};
        loop.reactor().shutdown();

        for (local_pair& pair : leaving) {
            char nothing = 0;
            ASSERT_EQ(::recv(pair.peer.get(), &nothing, 1, MSG_DONTWAIT), 0)
                << "the peer hears of the end all the same";
        }
        for (auto& reader : started)
            EXPECT_EQ(loop.join(std::move(reader)).error(),
                      make_error_code(errc::runtime_shutdown));
        EXPECT_EQ(loop.reactor().poll(duration::zero()), 0u);
    });
}

}  // namespace
}  // namespace edo::testing
