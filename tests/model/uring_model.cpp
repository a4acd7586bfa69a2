// What of the io_uring reactor crosses threads (io/uring/reactor.cpp): a record that leaves on
// another thread than the ring's, while reports that name it are on their way. The ring is the
// model's; see kernel/.

#include "model_test.h"
#include "task_executor.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/io/reactor/registration.h>
#include <edo/io/uring/reactor.h>
#include <edo/task/join_handle.h>
#include <edo/task/task.h>

namespace {

using edo::task;
using edo::detail::farewell;
using edo::detail::reactor;
using edo::detail::registration;
using edo::detail::ring;
using edo::detail::uring_reactor;
using edo::model::executor;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::model_thread;
using edo_check::mutant;
using edo_check::scenario;

class attach_operation {
public:
    explicit attach_operation(registration& r) noexcept : record_(r) {}

    bool poll(edo::context& cx) noexcept {
        expect(!record_.attach(cx), "the reactor refuses the record");
        return true;
    }

    void take() noexcept {}

private:
    registration& record_;
};

task<> attach(registration* r) {
    co_await attach_operation(*r);
}

/// A reactor, whose owner is the scenario's thread, and records that are attached to it.
struct world {
    executor ex;
    std::unique_ptr<reactor> at = uring_reactor::create().value();
    // No descriptor of this number exists, and closing it does no harm.
    registration* a = registration::create(-1, farewell::none);
    registration* b = registration::create(-1, farewell::none);
    edo_check::atomic<int> stopped{0};

    world() { ex.reactor = at.get(); }

    void attach_all() {
        const auto first = ex.spawn(attach, a);
        const auto second = ex.spawn(attach, b);
        ex.run_some(2);
    }

    // What a worker does until it is told to stop.
    void serve() {
        while (stopped.load(std::memory_order_acquire) == 0)
            at->poll(edo::duration::max(), 8);
        at->poll(edo::duration::zero(), 8);
    }

    void stop() {
        stopped.store(1, std::memory_order_release);
        at->wake();
    }
};

void happens(registration* r, bool ends = false) {
    ring::present->happens(r, EPOLLIN, ends);
}

// Leaves beside an event that names it.
void foreign_end_beside_an_event() {
    auto w = std::make_unique<world>();
    w->attach_all();
    w->at->poll(edo::duration::zero(), 8);
    auto leave = [&] {
        w->a->drop_owner();
        w->stop();
    };
    auto event = [&] { happens(w->a); };
    model_thread leaving(leave);
    model_thread kernel(event);
    w->serve();
    leaving.join();
    kernel.join();
    w->b->drop_owner();
}

// Leaves while its poll ends by itself, and would be requested again.
void foreign_end_beside_the_polls_own() {
    auto w = std::make_unique<world>();
    w->attach_all();
    w->at->poll(edo::duration::zero(), 8);
    auto leave = [&] {
        w->a->drop_owner();
        w->stop();
    };
    auto event = [&] { happens(w->a, true); };
    model_thread leaving(leave);
    model_thread kernel(event);
    w->serve();
    leaving.join();
    kernel.join();
    w->b->drop_owner();
}

void two_foreign_ends() {
    auto w = std::make_unique<world>();
    w->attach_all();
    auto leave = [&] {
        w->a->drop_owner();
        w->stop();
    };
    auto leave_too = [&] { w->b->drop_owner(); };
    model_thread first(leave);
    model_thread second(leave_too);
    w->serve();
    first.join();
    second.join();
}

void foreign_end_beside_shutdown() {
    auto w = std::make_unique<world>();
    w->attach_all();
    w->at->poll(edo::duration::zero(), 8);
    auto leave = [&] { w->a->drop_owner(); };
    auto event = [&] { happens(w->b); };
    model_thread leaving(leave);
    model_thread kernel(event);
    w->at->shutdown();
    leaving.join();
    kernel.join();
    w->at.reset();
    w->b->drop_owner();
}

// The queue is full: the request to poll waits, and its record leaves meanwhile.
void foreign_end_beside_a_request_put_off() {
    auto w = std::make_unique<world>();
    ring::present->refuse(2);
    w->attach_all();
    auto leave = [&] {
        w->a->drop_owner();
        w->stop();
    };
    model_thread leaving(leave);
    w->serve();
    leaving.join();
    w->b->drop_owner();
}

// As above for the request to poll no more.
void removal_put_off() {
    auto w = std::make_unique<world>();
    w->attach_all();
    w->at->poll(edo::duration::zero(), 8);
    ring::present->refuse(1);
    auto leave = [&] {
        w->a->drop_owner();
        w->stop();
    };
    auto event = [&] { happens(w->a, true); };
    model_thread leaving(leave);
    model_thread kernel(event);
    w->serve();
    leaving.join();
    kernel.join();
    w->b->drop_owner();
}

const scenario event_s{"uring.foreign_end_beside_an_event", foreign_end_beside_an_event};
const scenario own_s{"uring.foreign_end_beside_the_polls_own", foreign_end_beside_the_polls_own};
const scenario two_s{"uring.two_foreign_ends", two_foreign_ends};
const scenario shutdown_s{"uring.foreign_end_beside_shutdown", foreign_end_beside_shutdown};
const scenario put_off_s{"uring.foreign_end_beside_a_request_put_off",
                         foreign_end_beside_a_request_put_off};
const scenario removal_s{"uring.removal_put_off", removal_put_off};

TEST(uring_model, record_outlives_the_events_that_name_it) {
    expect_holds(event_s);
}

TEST(uring_model, record_that_leaves_is_not_polled_again) {
    expect_holds(own_s);
}

TEST(uring_model, every_record_that_leaves_is_freed) {
    expect_holds(two_s);
}

TEST(uring_model, shutdown_beside_a_leaving_record) {
    expect_holds(shutdown_s);
}

TEST(uring_model, request_of_a_record_that_left_is_not_made) {
    expect_holds(put_off_s);
}

TEST(uring_model, removal_that_found_no_room_is_made) {
    expect_holds(removal_s);
}

void caught(const char* name, const char* file, const char* line, const char* in) {
    const mutant bug{
        .name = name, .file = file, .line = line, .what = mutant::kind::skip, .in = in};
    expect_caught(bug, {two_s, put_off_s, shutdown_s, own_s, event_s, removal_s});
}

constexpr const char* reactor_cpp = "io/uring/reactor.cpp";

TEST(uring_mutants, those_that_left_are_ended_without_the_lock) {
    caught("end_those_that_left without lock", reactor_cpp, "mutex_lock guard(home_.lock)",
           "::end_those_that_left(");
}

TEST(uring_mutants, last_report_takes_no_lock) {
    caught("take_last_report without lock", reactor_cpp, "mutex_lock guard(home_.lock)",
           "::take_last_report(");
}

TEST(uring_mutants, requests_put_off_are_made_without_the_lock) {
    caught("put-off requests without lock", reactor_cpp, "mutex_lock guard(home_.lock)", "::poll(");
}

TEST(uring_mutants, shutdown_takes_no_lock) {
    caught("uring shutdown without lock", reactor_cpp, "mutex_lock guard(home_.lock)",
           "::shutdown(");
}

TEST(uring_mutants, record_leaves_without_the_lock) {
    caught("leave without lock", "io/reactor/registration.cpp", "mutex_lock guard(home->lock)",
           "leave(");
}

}  // namespace
