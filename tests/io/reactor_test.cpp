#include <edo/io/reactor/reactor.h>

#include "net/io_loop.h"
#include "net/local_pair.h"
#include "support/failing_allocation.h"
#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/error.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>
#include <edo/base/unique_fd.h>
#include <edo/io/wait/io_handle.h>
#include <edo/net/tcp/transfer.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

/// Polls until `limit` has passed. Signals may end waits early (the kernel sends some when a ring
/// is taken down), but not hundreds of them.
void expect_waits(detail::reactor& r, duration limit) {
    const instant before = detail::monotonic_clock::read();
    for (int polls = 1; detail::monotonic_clock::read() - before < limit; ++polls) {
        ASSERT_LE(polls, 400) << "poll does not wait";
        EXPECT_EQ(r.poll(limit - (detail::monotonic_clock::read() - before)), 0u);
    }
}

class reactor_test : public each_reactor {};

EDO_ON_EACH_REACTOR(reactor_test);

TEST_P(reactor_test, says_what_it_is) {
    EXPECT_EQ(loop.reactor().kind(), GetParam());
}

TEST_P(reactor_test, poll_without_waiting_finds_nothing_when_nothing_happened) {
    EXPECT_EQ(loop.reactor().poll(duration::zero()), 0u);
}

TEST_P(reactor_test, poll_waits_about_as_long_as_asked) {
    for (const duration limit : {duration(1), duration(100us), duration(20ms)})
        expect_waits(loop.reactor(), limit);
}

TEST_P(reactor_test, wake_before_poll_is_not_lost) {
    loop.reactor().wake();
    loop.reactor().poll(duration::max());
    for (int i = 0; i < 1000; ++i) {
        loop.reactor().wake();
        loop.reactor().poll(duration::max());
    }
}

TEST_P(reactor_test, wake_of_another_thread_ends_the_wait) {
    for (int i = 0; i < 200; ++i) {
        std::thread waking([&] { loop.reactor().wake(); });
        loop.reactor().poll(duration::max());
        waking.join();
    }
}

TEST_P(reactor_test, reports_readiness_once_per_change) {
    local_pair pair;
    auto reader = loop.spawn(read_byte, std::ref(pair.handle));
    loop.run_ready();
    loop.look();  // what is true at the start may be reported too
    pair.send_byte();

    EXPECT_EQ(loop.reactor().poll(duration::max()), 1u);
    EXPECT_EQ(loop.reactor().poll(duration::zero()), 0u);
    EXPECT_EQ(loop.join(std::move(reader)).value(), 1u);
}

TEST_P(reactor_test, takes_no_more_events_than_there_is_room_for_and_forgets_none) {
    constexpr unsigned count = 300, room = 7;  // more than are taken in one go
    std::vector<local_pair> pairs(count);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();  // what is true at the start
    for (local_pair& pair : pairs)
        pair.send_byte();

    unsigned taken = 0;
    while (taken < count) {
        const unsigned now = loop.reactor().poll(duration::max(), room);
        EXPECT_LE(now, room);
        taken += now;
    }

    EXPECT_EQ(loop.reactor().poll(duration::zero(), room), 0u);
    for (auto& reader : readers)
        EXPECT_EQ(loop.join(std::move(reader)).value(), 1u);
}

TEST_P(reactor_test, what_was_ready_before_it_was_registered_is_reported) {
    local_pair pair;

    // The reader's call finds nothing; the byte comes before the reactor learns of the descriptor.
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    static int peer = 0;
    peer = pair.peer.get();
    detail::sys::current.recv = [](int fd, void* data, std::size_t size, int flags) noexcept {
        const ssize_t n = detail::sys::kernel::recv(fd, data, size, flags);
        if (n == -EAGAIN && peer != -1) {
            EXPECT_EQ(::send(peer, "x", 1, 0), 1);
            peer = -1;
        }
        return n;
    };

    EXPECT_EQ(loop.block_on(read_byte(pair.handle)).value(), 1u);
}

TEST_P(reactor_test, spurious_event_makes_no_reader_end_or_spin) {
    local_pair pair;
    auto reader = loop.spawn(read_byte, std::ref(pair.handle));
    loop.run_ready();
    const std::size_t polls = loop.executor().polls();

    for (int i = 0; i < 10; ++i) {
        pair.handle.record()->happened(detail::readiness_view::everything);
        loop.run_ready();
    }

    EXPECT_FALSE(reader.is_finished());
    EXPECT_EQ(loop.executor().polls() - polls, 10u);
    pair.send_byte();
    loop.turn();
    EXPECT_EQ(loop.join(std::move(reader)).value(), 1u);
}

TEST_P(reactor_test, serves_more_descriptors_than_its_queues_have_room) {
    constexpr std::size_t count = 3 * detail::tuning::ring_entries;
    std::vector<local_pair> pairs(count);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();
    for (local_pair& pair : pairs)
        pair.send_byte();

    for (auto& reader : readers)
        EXPECT_EQ(loop.join(std::move(reader)).value(), 1u);
}

TEST_P(reactor_test, survives_more_events_than_its_queues_have_room) {
    // Every descriptor gets many edges without the reactor being polled.
    constexpr std::size_t count = 1000;
    std::vector<local_pair> pairs(count);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();
    for (int i = 0; i < 8; ++i)
        for (local_pair& pair : pairs)
            pair.send_byte();

    for (auto& reader : readers)
        EXPECT_EQ(loop.join(std::move(reader)).value(), 8u);
}

TEST_P(reactor_test, many_come_and_go_without_a_turn_of_the_reactor) {
    for (int i = 0; i < 2000; ++i) {
        local_pair pair;
        auto reader = loop.spawn(read_byte, std::ref(pair.handle));
        loop.run_ready();
        reader.request_cancel();
        loop.run_ready();
    }
    local_pair pair;
    auto reader = loop.spawn(read_byte, std::ref(pair.handle));
    loop.run_ready();
    pair.send_byte();
    loop.turn();

    EXPECT_EQ(loop.join(std::move(reader)).value(), 1u);
}

TEST_P(reactor_test, detaching_on_another_thread_is_safe_while_the_owner_polls) {
    for (int round = 0; round < 50; ++round) {
        std::vector<local_pair> pairs(20);
        std::vector<join_handle<result<std::size_t>>> readers;
        for (local_pair& p : pairs)
            readers.push_back(loop.spawn(read_byte, std::ref(p.handle)));
        loop.run_ready();
        for (auto& reader : readers)
            reader.request_cancel();
        loop.run_ready();
        std::thread closing([&] {
            for (local_pair& p : pairs)
                p.handle = {};
            loop.reactor().wake();
        });
        for (local_pair& p : pairs)
            ::send(p.peer.get(), "x", 1, MSG_NOSIGNAL);
        loop.reactor().poll(duration::max());
        closing.join();
    }
    loop.look();
}

TEST_P(reactor_test, close_ends_a_connection_at_once_however_much_is_to_be_reported) {
    std::vector<local_pair> busy(200);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : busy)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    local_pair closed;
    auto reader = loop.spawn(read_byte, std::ref(closed.handle));
    loop.run_ready();
    while (loop.reactor().poll(duration::zero()) != 0) {
    }
    for (local_pair& pair : busy)
        pair.send_byte();

    loop.cancel(std::move(reader));
    closed.handle = {};

    char nothing = 0;
    EXPECT_EQ(::recv(closed.peer.get(), &nothing, 1, MSG_DONTWAIT), 0) << "nobody told the peer";
}

TEST_P(reactor_test, shutdown_fails_who_waits_and_who_comes_later) {
    local_pair first;
    local_pair second;
    auto waiting = loop.spawn(read_byte, std::ref(first.handle));
    loop.run_ready();
    loop.look();

    loop.reactor().shutdown();
    loop.reactor().shutdown();

    EXPECT_EQ(loop.join(std::move(waiting)).error(), make_error_code(errc::runtime_shutdown));
    EXPECT_EQ(loop.block_on(read_byte(second.handle)).error(),
              make_error_code(errc::runtime_shutdown));
    loop.reactor().wake();
    EXPECT_EQ(loop.reactor().poll(duration::max()), 0u);
}

TEST_P(reactor_test, shutdown_lets_go_of_every_file) {
    // More than can be asked of the kernel in one call.
    std::vector<local_pair> pairs(3 * detail::tuning::ring_entries);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();

    loop.reactor().shutdown();
    for (auto& reader : readers)
        EXPECT_EQ(loop.join(std::move(reader)).error(), make_error_code(errc::runtime_shutdown));
    for (local_pair& pair : pairs)
        pair.handle = {};

    for (local_pair& pair : pairs) {
        char nothing = 0;
        ASSERT_EQ(::recv(pair.peer.get(), &nothing, 1, MSG_DONTWAIT), 0) << "the file is open yet";
    }
}

TEST_P(reactor_test, nothing_is_reported_after_shutdown) {
    std::vector<local_pair> pairs(100);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();

    loop.reactor().shutdown();
    for (local_pair& pair : pairs)
        pair.send_byte();

    for (int turns = 0; turns < 3; ++turns)
        EXPECT_EQ(loop.reactor().poll(duration::zero()), 0u);
}

TEST_P(reactor_test, shutdown_frees_what_has_left) {
    std::vector<local_pair> pairs(2 * detail::tuning::ring_entries);
    std::vector<join_handle<result<std::size_t>>> readers;
    for (local_pair& pair : pairs)
        readers.push_back(loop.spawn(read_byte, std::ref(pair.handle)));
    loop.run_ready();
    loop.look();
    for (auto& reader : readers)
        reader.request_cancel();
    loop.run_ready();
    readers.clear();

    // Every other one leaves on another thread; neither is heard of again before the end.
    for (std::size_t i = 0; i < pairs.size(); i += 2)
        pairs[i].handle = {};
    std::thread([&] {
        for (std::size_t i = 1; i < pairs.size(); i += 2)
            pairs[i].handle = {};
    }).join();
    loop.reactor().shutdown();

    EXPECT_EQ(detail::census_of(detail::census_kind::descriptor), 0);
    EXPECT_EQ(detail::census_of(detail::census_kind::frame), 0) << "records that nobody frees";
}

TEST_P(reactor_test, descriptor_that_cannot_be_watched_is_an_error_of_the_waiting_operation) {
    // epoll refuses what is watched already under the same number; the kernel's answer is passed
    // on.
    if (GetParam() != reactor_kind::epoll) return;
    local_pair pair;

    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.epoll_ctl = [](int, int, int, epoll_event*) noexcept { return -ENOSPC; };

    EXPECT_EQ(loop.block_on(read_byte(pair.handle)).error(),
              std::error_code(ENOSPC, std::system_category()));
}

TEST(make_reactor, tests_run_on_io_uring_where_the_kernel_has_it) {
    std::array<unsigned char, 256> params{};
    const long fd = ::syscall(SYS_io_uring_setup, 4, params.data());
    if (fd >= 0) ::close(static_cast<int>(fd));
    const bool expected = fd >= 0 && EDO_TESTS_HAVE_URING;

    EXPECT_EQ(reactors_here().size(), expected ? 2u : 1u);
}

TEST(make_reactor, kqueue_is_refused_with_a_cure) {
    const auto made = detail::make_reactor(reactor_kind::kqueue);

    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(),
                ::testing::HasSubstr("choose automatic, io_uring or epoll"));
    EXPECT_EQ(made.error(), std::errc::not_supported);
}

// Says something when it runs alone, as CTest has it: then this is the first error.
TEST(make_reactor, first_refusal_needs_no_memory) {
    const failing_allocation failing(1);

    const auto made = detail::make_reactor(reactor_kind::kqueue);

    EXPECT_FALSE(failing.has_failed());
    EXPECT_FALSE(made);
}

TEST(make_reactor, missing_descriptors_are_an_error) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.epoll_create1 = [](int) noexcept { return -EMFILE; };

    EXPECT_EQ(detail::make_reactor(reactor_kind::epoll).error(),
              std::error_code(EMFILE, std::system_category()));
}

/// What a child ends with when it cannot have the kernel refuse calls.
constexpr int no_filter = 99;

/// Has the kernel answer `error` to every system call of io_uring in this process, for good.
void forbid_io_uring(unsigned error) {
    const std::array filter{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{filter.size(), const_cast<sock_filter*>(filter.data())};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        ::_exit(no_filter);
}

/// Runs `check` in a child where io_uring is forbidden. Returns: its exit code.
template <class Check>
int without_io_uring(unsigned error, Check&& check) {
    const pid_t child = ::fork();
    if (child == 0) {
        forbid_io_uring(error);
        ::_exit(check());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int exit_code_of_choosing_epoll(const char* reason) {
    auto made = detail::make_reactor(reactor_kind::automatic);
    if (!made) return 1;
    if (made->kind != reactor_kind::epoll || made->reactor->kind() != reactor_kind::epoll) return 2;
    if (made->why.find(reason) == std::string::npos) return 3;
    if (made->why.find("using epoll") == std::string::npos) return 4;
    made->reactor->wake();
    made->reactor->poll(duration::max());
    return 0;
}

TEST(make_reactor, io_uring_forbidden_by_seccomp_gives_epoll_and_says_why) {
    if (reactors_here().size() < 2) {
        EXPECT_EQ(detail::make_reactor(reactor_kind::automatic)->kind, reactor_kind::epoll);
        return;
    }
    EXPECT_EQ(without_io_uring(EPERM, [] { return exit_code_of_choosing_epoll("EPERM"); }), 0);
    EXPECT_EQ(without_io_uring(ENOSYS, [] { return exit_code_of_choosing_epoll("ENOSYS"); }), 0);
    EXPECT_EQ(without_io_uring(EINVAL, [] { return exit_code_of_choosing_epoll("6.1"); }), 0);
}

TEST(make_reactor, explicit_io_uring_that_is_refused_is_an_error_with_cause_and_cure) {
    const int code = without_io_uring(EPERM, [] {
        const auto made = detail::make_reactor(reactor_kind::io_uring);
        if (made) return 1;
        const std::string text = made.error().message();
        const bool is_clear =
            text.find("EPERM") != std::string::npos || text.find("EDO_URING") != std::string::npos;
        return is_clear && text.find("choose reactor_kind::epoll") != std::string::npos ? 0 : 2;
    });

    if (code == no_filter) GTEST_SKIP() << "the kernel has no seccomp filters here";
    EXPECT_EQ(code, 0);
}

TEST(epoll_reactor, waits_to_the_nanosecond_without_epoll_pwait2) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.epoll_pwait2 = [](int, epoll_event*, int, const timespec*) noexcept {
        return -ENOSYS;
    };
    auto made = detail::make_reactor(reactor_kind::epoll);
    for (const duration limit : {duration(50us), duration(300us), duration(20ms)})
        expect_waits(*made->reactor, limit);
    made->reactor->wake();
    made->reactor->poll(duration::max());
}

TEST(epoll_reactor, waits_by_milliseconds_when_there_is_no_descriptor_for_a_timer) {
    struct restore {
        ~restore() { detail::sys::current = {}; }
    } restored;

    detail::sys::current.epoll_pwait2 = [](int, epoll_event*, int, const timespec*) noexcept {
        return -ENOSYS;
    };
    detail::sys::current.timerfd_create = [](int, int) noexcept { return -EMFILE; };
    auto made = detail::make_reactor(reactor_kind::epoll);

    expect_waits(*made->reactor, 20'100us);
    made->reactor->wake();
    EXPECT_EQ(made->reactor->poll(std::chrono::hours(24) * 365), 0u);
}

}  // namespace
}  // namespace edo::testing
