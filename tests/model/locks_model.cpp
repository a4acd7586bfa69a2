// The locks of base/seam themselves, down to the futex: mutex, spin_lock and parker.

#include "model_test.h"
#include <memory>

#include <gtest/gtest.h>

#include <edo/base/seam/mutex.h>
#include <edo/base/seam/parker.h>
#include <edo/base/seam/spin_lock.h>

namespace {

using edo::detail::mutex;
using edo::detail::mutex_lock;
using edo::detail::parker;
using edo::detail::spin_guard;
using edo::detail::spin_lock;
using edo_check::expect;
using edo_check::expect_caught;
using edo_check::expect_holds;
using edo_check::mutant;
using edo_check::run_threads;
using edo_check::scenario;

// A count that is plain: the checker sees whether the lock orders what is done under it.
template <class Lock>
struct counter {
    Lock lock;
    int count = 0;
};

void mutex_of_two() {
    auto c = std::make_unique<counter<mutex>>();
    const auto add = [&] {
        const mutex_lock guard(c->lock);
        ++c->count;
    };
    run_threads(add, add);
    expect(c->count == 2, "a step was lost");
}

void mutex_of_three() {
    auto c = std::make_unique<counter<mutex>>();
    const auto add = [&] {
        const mutex_lock guard(c->lock);
        ++c->count;
    };
    run_threads(add, add, add);
    expect(c->count == 3, "a step was lost");
}

void mutex_twice() {
    auto c = std::make_unique<counter<mutex>>();
    const auto add = [&] {
        for (int i = 0; i < 2; ++i) {
            const mutex_lock guard(c->lock);
            ++c->count;
        }
    };
    run_threads(add, add);
    expect(c->count == 4, "a step was lost");
}

void try_lock_beside_lock() {
    auto c = std::make_unique<counter<mutex>>();
    int done = 1;
    run_threads(
        [&] {
            const mutex_lock guard(c->lock);
            ++c->count;
        },
        [&] {
            if (!c->lock.try_lock()) return;
            ++c->count;
            ++done;
            c->lock.unlock();
        });
    expect(c->count == done, "a step was lost");
}

// The object goes with who locks it last, also while another is still inside unlock().
void mutex_in_an_object_that_goes() {
    auto* const c = new counter<mutex>;
    const auto leave = [c] {
        bool is_last = false;
        {
            const mutex_lock guard(c->lock);
            is_last = ++c->count == 2;
        }
        if (is_last) delete c;
    };
    run_threads(leave, leave);
}

void spin_lock_of_two() {
    auto c = std::make_unique<counter<spin_lock>>();
    const auto add = [&] {
        const spin_guard guard(c->lock);
        ++c->count;
    };
    run_threads(add, add);
    expect(c->count == 2, "a step was lost");
}

void spin_lock_of_three() {
    auto c = std::make_unique<counter<spin_lock>>();
    const auto add = [&] {
        const spin_guard guard(c->lock);
        ++c->count;
    };
    run_threads(add, add, add);
    expect(c->count == 3, "a step was lost");
}

struct mailbox {
    parker reader;
    int letter = 0;  // plain: what unpark() has to publish
};

void park_beside_unpark() {
    auto m = std::make_unique<mailbox>();
    run_threads(
        [&] {
            expect(m->reader.park(), "no limit, and no permit");
            expect(m->letter == 1, "an old letter");
        },
        [&] {
            m->letter = 1;
            m->reader.unpark();
        });
}

void two_unparks() {
    auto m = std::make_unique<mailbox>();
    edo_check::atomic<int> count{0};
    const auto tell = [&] {
        count.fetch_add(1, std::memory_order_relaxed);
        m->reader.unpark();
    };
    run_threads(
        [&] {
            while (count.load(std::memory_order_relaxed) < 2)
                m->reader.park();
        },
        tell, tell);
}

// A permit that comes while the limit passes is taken or kept, never thrown away.
void park_with_a_limit() {
    auto m = std::make_unique<mailbox>();
    run_threads(
        [&] {
            if (m->reader.park(std::chrono::microseconds(5))) {
                expect(m->letter == 1, "an old letter");
            } else {
                expect(m->reader.park(), "no limit, and no permit");
                expect(m->letter == 1, "an old letter");
            }
        },
        [&] {
            m->letter = 1;
            m->reader.unpark();
        });
}

void unpark_before_park() {
    auto m = std::make_unique<mailbox>();
    m->reader.unpark();
    m->reader.unpark();
    expect(m->reader.park(), "the permit was lost");
    expect(!m->reader.park(std::chrono::nanoseconds(0)), "two permits were kept");
}

const scenario two_s{"mutex.two_threads", mutex_of_two};
const scenario three_s{"mutex.three_threads", mutex_of_three};
const scenario twice_s{"mutex.two_threads_twice", mutex_twice};
const scenario try_s{"mutex.try_lock_beside_lock", try_lock_beside_lock};
const scenario goes_s{"mutex.object_that_goes", mutex_in_an_object_that_goes};
const scenario spin_two_s{"spin_lock.two_threads", spin_lock_of_two};
const scenario spin_three_s{"spin_lock.three_threads", spin_lock_of_three};
const scenario park_s{"parker.park_beside_unpark", park_beside_unpark};
const scenario unparks_s{"parker.two_unparks", two_unparks};
const scenario limit_s{"parker.park_with_a_limit", park_with_a_limit};
const scenario before_s{"parker.unpark_before_park", unpark_before_park};

TEST(mutex_model, excludes_two_threads) {
    expect_holds(two_s);
}

TEST(mutex_model, excludes_three_threads) {
    expect_holds(three_s);
}

TEST(mutex_model, can_be_taken_again) {
    expect_holds(twice_s);
}

TEST(mutex_model, try_lock_takes_it_or_not) {
    expect_holds(try_s);
}

TEST(mutex_model, unlock_does_not_touch_an_object_that_went) {
    expect_holds(goes_s);
}

TEST(spin_lock_model, excludes_two_threads) {
    expect_holds(spin_two_s);
}

TEST(spin_lock_model, excludes_three_threads) {
    expect_holds(spin_three_s);
}

TEST(parker_model, permit_is_not_lost) {
    expect_holds(park_s);
}

TEST(parker_model, two_permits_wake_at_least_once) {
    expect_holds(unparks_s);
}

TEST(parker_model, permit_that_comes_with_the_limit_is_kept) {
    expect_holds(limit_s);
}

TEST(parker_model, permits_do_not_add_up) {
    expect_holds(before_s);
}

void caught(const char* name, const char* file, const char* line, mutant::kind what) {
    const mutant bug{.name = name, .file = file, .line = line, .what = what};
    expect_caught(
        bug, {two_s, three_s, try_s, goes_s, spin_two_s, spin_three_s, park_s, unparks_s, limit_s});
}

constexpr const char* mutex_h = "base/seam/mutex.h";
constexpr const char* mutex_cpp = "base/seam/mutex.cpp";
constexpr const char* spin_h = "base/seam/spin_lock.h";
constexpr const char* spin_cpp = "base/seam/spin_lock.cpp";
constexpr const char* parker_cpp = "base/seam/parker.cpp";
constexpr auto weaken = mutant::kind::weaken;
constexpr auto tear = mutant::kind::tear;
constexpr auto skip = mutant::kind::skip;

TEST(mutex_mutants, lock_acquires_nothing) {
    caught("mutex L relaxed", mutex_h, "relaxed)) lock_slow()", weaken);
}

TEST(mutex_mutants, lock_is_not_atomic) {
    caught("mutex L torn", mutex_h, "relaxed)) lock_slow()", tear);
}

TEST(mutex_mutants, contended_lock_acquires_nothing) {
    caught("mutex C relaxed", mutex_cpp, "word_.exchange(2, acquire)", weaken);
}

TEST(mutex_mutants, sleeper_is_not_announced) {
    caught("mutex C skipped", mutex_cpp, "word_.exchange(2, acquire)", skip);
}

TEST(mutex_mutants, unlock_publishes_nothing) {
    caught("mutex U relaxed", mutex_h, "word_.exchange(0, release)", weaken);
}

TEST(mutex_mutants, unlock_is_not_atomic) {
    caught("mutex U torn", mutex_h, "word_.exchange(0, release)", tear);
}

TEST(spin_lock_mutants, lock_is_not_atomic) {
    caught("spin L torn", spin_h, "word_.exchange(1, acquire)", tear);
}

TEST(spin_lock_mutants, contended_lock_acquires_nothing) {
    caught("spin L slow relaxed", spin_cpp, "// L", weaken);
}

TEST(spin_lock_mutants, lock_acquires_nothing) {
    caught("spin L relaxed", spin_h, "word_.exchange(1, acquire)", weaken);
}

TEST(spin_lock_mutants, unlock_publishes_nothing) {
    caught("spin U relaxed", spin_h, "word_.store(0, release)", weaken);
}

TEST(parker_mutants, permit_publishes_nothing) {
    caught("parker N relaxed", parker_cpp, "word_.exchange(notified, release)", weaken);
}

TEST(parker_mutants, permit_is_not_atomic) {
    caught("parker N torn", parker_cpp, "word_.exchange(notified, release)", tear);
}

TEST(parker_mutants, park_acquires_nothing) {
    caught("parker T relaxed", parker_cpp, "return true;  // T; else P", weaken);
}

TEST(parker_mutants, park_is_not_announced) {
    caught("parker P skipped", parker_cpp, "word_.compare_exchange_strong(seen, parked", skip);
}

TEST(parker_mutants, late_permit_is_thrown_away) {
    caught("parker T at the limit torn", parker_cpp, "word_.exchange(empty, acquire)", tear);
}

}  // namespace
