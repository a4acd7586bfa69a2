#pragma once

#include "../support/manual_executor.h"
#include "tracked.h"
#include "turnstile.h"
#include <optional>
#include <thread>
#include <type_traits>

#include <gtest/gtest.h>

#include <edo/task/task.h>

namespace edo::testing {

/// A way of writing co_await: a coroutine that waits at the turnstile wherever it can be suspended.
template <class T>
using form = task<T> (*)(turnstile& gate);

template <class T>
task<> keep_output(form<T> written, turnstile& gate, std::optional<T>& out) {
    auto yielded = co_await written(gate);
    out.emplace(std::move(yielded));
}

/// What is done to a form when it waits.
enum class fate { admitted, moved, dropped };

inline const char* name_of(fate f) {
    constexpr const char* names[] = {"admitted", "moved between threads", "dropped"};
    return names[static_cast<int>(f)];
}

/// One run: lets `passes` waits through at once, and the fate meets the task at the next one.
/// Returns: false when the form ended without waiting: then all its suspension points have been
/// met.
template <class T>
bool run_form(form<T> written, const T& expected, int passes, fate end) {
    SCOPED_TRACE(::testing::Message() << name_of(end) << " at wait " << passes + 1);
    bool waited = false;
    tracked::forget_all();
    {
        std::optional<T> out;
        turnstile gate(passes);
        manual_executor ex;
        auto handle = ex.spawn(keep_output<T>, written, std::ref(gate), std::ref(out));
        ex.run_until_idle();
        waited = !handle.is_finished();
        if (waited && end == fate::dropped) handle.request_cancel();
        for (int hops = 0; end == fate::moved && !handle.is_finished() && hops < 100; ++hops) {
            gate.admit_one();
            std::thread([&ex] { ex.run_until_idle(); }).join();
        }
        gate.admit_all();
        ex.run_until_idle();

        EXPECT_TRUE(handle.is_finished());
        EXPECT_FALSE(gate.has_waiters());
        if (!waited || end != fate::dropped) {
            EXPECT_TRUE(out.has_value());
            if (out) {
                EXPECT_EQ(*out, expected);
            }
        }
    }
    EXPECT_EQ(tracked::alive(), 0u);
    EXPECT_EQ(tracked::faults(), 0u);
    return waited;
}

/// Runs a form to its end, on one thread and on several, and drops it at each of its suspension
/// points; expects the right output and that every object was destroyed once, where it was made.
template <class T>
void expect_sound(form<T> written, const std::type_identity_t<T>& expected) {
    for (const fate end : {fate::admitted, fate::moved, fate::dropped}) {
        int passes = 0;
        while (run_form<T>(written, expected, passes, end) && !::testing::Test::HasFailure())
            ++passes;
        EXPECT_GT(passes, 0) << "the form never waits, so nothing was tested";
    }
}

}  // namespace edo::testing
