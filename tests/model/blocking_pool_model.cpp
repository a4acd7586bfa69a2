// The threads that make blocking calls (runtime/blocking/thread_pool.h): claim of an idle thread
// against the end of its keep-alive, submission against close, abandonment against run, the last
// user's going.

#include "model_test.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/runtime/blocking/thread_pool.h>

namespace {

using edo::duration;
using edo::instant;
using edo::detail::blocking_job;
using edo::detail::thread_pool;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

class call final : public blocking_job {
public:
    call() : blocking_job(std::source_location::current()) {
        told_to = &done_;
        told = [](void* to) noexcept { static_cast<edo_check::parker*>(to)->unpark(); };
    }

    void run() noexcept override { ++runs; }

    void wait(thread_pool& pool) {
        while (!pool.is_over(*this))
            done_.park();
    }

    int runs = 0;  // plain: the pool's thread writes it, the caller reads it when the job is over

private:
    edo_check::parker done_;
};

// A call as an operation makes it. Returns: whether it was made, and not refused.
bool make_call_in(thread_pool& pool) {
    auto* const job = new call;
    expect(pool.submit(*job, false), "refused without asking");
    job->wait(pool);
    const bool is_done = job->state == blocking_job::state_kind::done;
    expect(job->runs == (is_done ? 1 : 0), "a call was not made once");
    pool.abandon(*job);
    job->release_ref();
    return is_done;
}

struct world {
    thread_pool* pool;

    world(unsigned threads, duration keep_alive)
        : pool(thread_pool::create({threads, 2, keep_alive, 0, "b", "b"})) {}

    // runtime::shutdown()
    ~world() {
        pool->close();
        pool->join(instant::max());
        pool->release_user();
    }

    bool make_call() { return make_call_in(*pool); }
};

constexpr duration moment = std::chrono::microseconds(5);
constexpr duration for_ever = duration::max();

void one_call() {
    auto w = std::make_unique<world>(1, moment);
    run_threads([&] { expect(w->make_call(), "refused by an open pool"); });
}

void two_callers_one_thread() {
    auto w = std::make_unique<world>(1, for_ever);
    run_threads([&] { expect(w->make_call(), "refused by an open pool"); },
                [&] { expect(w->make_call(), "refused by an open pool"); });
}

void two_callers_two_threads() {
    auto w = std::make_unique<world>(2, for_ever);
    run_threads([&] { expect(w->make_call(), "refused by an open pool"); },
                [&] { expect(w->make_call(), "refused by an open pool"); });
}

// The second call finds a thread that is idle, leaving or gone.
void call_beside_the_end_of_keep_alive() {
    auto w = std::make_unique<world>(1, moment);
    run_threads([&] {
        expect(w->make_call(), "refused by an open pool");
        expect(w->make_call(), "refused by an open pool");
    });
}

void call_beside_close() {
    auto w = std::make_unique<world>(1, for_ever);
    run_threads([&] { w->make_call(); }, [&] { w->pool->close(); });
}

void abandoned_beside_run() {
    auto w = std::make_unique<world>(1, for_ever);
    run_threads([&] {
        auto* const job = new call;
        job->told = nullptr;
        expect(w->pool->submit(*job, true), "an empty queue refused");
        w->pool->abandon(*job);
        job->release_ref();
    });
}

void call_if_a_thread_is_free() {
    auto w = std::make_unique<world>(1, moment);
    run_threads([&] { expect(w->make_call(), "refused by an open pool"); },
                [&] {
                    auto* const job = new call;
                    if (w->pool->submit_if_free(*job)) {
                        job->wait(*w->pool);
                        expect(job->runs == 1, "accepted and not made");
                    }
                    job->release_ref();
                });
}

// There may be a thread for each: the second is not refused because the first one's is on its way.
void two_calls_that_each_find_a_thread() {
    auto w = std::make_unique<world>(2, moment);
    const auto make_call = [&] {
        auto* const job = new call;
        expect(w->pool->submit_if_free(*job), "refused though there may be one thread more");
        job->wait(*w->pool);
        expect(job->runs == 1, "accepted and not made");
        job->release_ref();
    };
    run_threads(make_call, make_call);
}

// Its thread would stay for ever, and nobody else closes it.
void pool_ends_with_its_last_user() {
    thread_pool* const pool = thread_pool::create({1, 2, for_ever, 0, "b", "b"});
    pool->add_ref();  // the runtime's list
    pool->add_user();
    run_threads(
        [&] {
            expect(make_call_in(*pool), "refused by a pool in use");
            pool->release_user();
        },
        [&] { pool->release_user(); });
    pool->join(instant::max());
    expect(pool->is_unused(), "a thread or user is left");
    pool->release_ref();
}

const scenario one_s{"blocking_pool.one_call", one_call};
const scenario shared_s{"blocking_pool.two_callers_one_thread", two_callers_one_thread};
const scenario two_s{"blocking_pool.two_callers_two_threads", two_callers_two_threads};
const scenario alive_s{"blocking_pool.call_beside_keep_alive", call_beside_the_end_of_keep_alive};
const scenario close_s{"blocking_pool.call_beside_close", call_beside_close};
const scenario abandon_s{"blocking_pool.abandoned_beside_run", abandoned_beside_run};
const scenario last_s{"blocking_pool.ends_with_its_last_user", pool_ends_with_its_last_user};
const scenario free_s{"blocking_pool.call_if_a_thread_is_free", call_if_a_thread_is_free};
const scenario each_s{"blocking_pool.two_calls_that_each_find_a_thread",
                      two_calls_that_each_find_a_thread};

TEST(blocking_pool_model, call_is_made_once) {
    expect_holds(one_s);
}

TEST(blocking_pool_model, two_callers_share_a_thread) {
    expect_holds(shared_s);
}

TEST(blocking_pool_model, two_callers_have_a_thread_each) {
    expect_holds(two_s);
}

TEST(blocking_pool_model, no_call_waits_for_a_thread_that_leaves) {
    expect_holds(alive_s);
}

TEST(blocking_pool_model, close_makes_or_refuses_a_call) {
    expect_holds(close_s);
}

TEST(blocking_pool_model, abandoned_call_frees_itself) {
    expect_holds(abandon_s);
}

TEST(blocking_pool_model, pool_ends_with_its_last_user) {
    expect_holds(last_s);
}

TEST(blocking_pool_model, call_is_accepted_only_if_a_thread_takes_it) {
    expect_holds(free_s);
}

TEST(blocking_pool_model, call_is_not_refused_while_another_ones_thread_comes) {
    expect_holds(each_s);
}

void caught(
    const char* name, const char* file, const char* line, mutant::kind what, const char* in = "") {
    const mutant bug{.name = name, .file = file, .line = line, .what = what, .in = in};
    expect_caught(bug, {one_s, alive_s, close_s, abandon_s, last_s, free_s, shared_s, two_s});
}

constexpr const char* pool_h = "runtime/blocking/thread_pool.h";
constexpr const char* pool_cpp = "runtime/blocking/thread_pool.cpp";

TEST(blocking_pool_mutants, submission_takes_no_lock) {
    caught("submit without lock", pool_cpp, "mutex_lock guard(lock_)", mutant::kind::skip,
           "::submit(");
}

TEST(blocking_pool_mutants, claimed_thread_is_not_woken) {
    caught("no unpark", pool_cpp, "free->sleeping.unpark();  // it lives", mutant::kind::skip);
}

TEST(blocking_pool_mutants, end_of_a_job_takes_no_lock) {
    caught("finish without lock", pool_cpp, "mutex_lock guard(lock_)", mutant::kind::skip,
           "::finish");
}

TEST(blocking_pool_mutants, abandonment_takes_no_lock) {
    caught("abandon without lock", pool_cpp, "mutex_lock guard(lock_)", mutant::kind::skip,
           "::abandon");
}

TEST(blocking_pool_mutants, references_of_a_job_have_no_order) {
    caught("job refs relaxed", "runtime/blocking/job.h", "refs_.fetch_sub(1, acq_rel)",
           mutant::kind::weaken);
}

TEST(blocking_pool_mutants, references_of_the_pool_are_not_atomic) {
    caught("pool refs torn", pool_h, "refs_.fetch_sub(1, acq_rel)", mutant::kind::tear);
}

TEST(blocking_pool_mutants, users_of_the_pool_are_not_atomic) {
    caught("pool users torn", pool_h, "users_.fetch_sub(1, acq_rel)", mutant::kind::tear);
}

TEST(blocking_pool_mutants, last_thread_does_not_say_so) {
    caught("all_ended not told", pool_cpp, "all_ended_.unpark()", mutant::kind::skip);
}

}  // namespace
