// Lambdas beside co_await: the forms that Edo teaches.

#include "forms.h"
#include <utility>

#include <gtest/gtest.h>

#include <edo/task/spawn.h>
#include <edo/task/task.h>
#include <edo/task/task_group.h>

namespace {

using edo::task;
using edo::testing::expect_sound;
using edo::testing::tracked;
using edo::testing::turnstile;

// Calls what it was given when the gate lets it.
template <class F, class... Args>
task<int> call(turnstile& gate, F function, Args... args) {
    co_await gate.pass();
    co_return function(args...);
}

// [snippet: named_closure]
task<int> names_the_closure(turnstile& gate) {
    auto read = [held = tracked(3)] { return held.value(); };
    co_return co_await call(gate, std::move(read));
}

// [end]

task<int> names_the_task(turnstile& gate) {
    auto calling = call(gate, [held = tracked(3)] { return held.value(); });
    co_return co_await std::move(calling);
}

TEST(closure, is_safe_when_it_or_the_task_is_named_first) {
    expect_sound(names_the_closure, 3);
    expect_sound(names_the_task, 3);
}

task<int> passes_arguments(turnstile& gate) {
    co_return co_await call(gate, [](const tracked& held) { return held.value(); }, tracked(3));
}

TEST(closure, without_captures_takes_arguments_instead) {
    expect_sound(passes_arguments, 3);
}

task<int> captures_references(turnstile& gate) {
    tracked local(3);
    co_return co_await call(gate, [&local] { return local.value(); });
}

TEST(closure, may_capture_references_and_numbers) {
    expect_sound(captures_references, 3);
}

task<int> names_the_coroutine_lambda(turnstile& gate) {
    // The lambda lives in this frame until the task has ended; a temporary one would be gone.
    auto counting = [held = tracked(3)](turnstile& g) -> task<int> {
        co_await g.pass();
        co_return held.value();
    };
    co_return co_await counting(gate);
}

TEST(closure, that_is_a_coroutine_is_safe_as_a_named_local) {
    expect_sound(names_the_coroutine_lambda, 3);
}

// [snippet: spawned_closure]
task<int> spawns_a_closure(turnstile& gate) {
    auto handle = edo::spawn([held = tracked(3), &gate]() -> task<int> {
        co_await gate.pass();
        co_return held.value();
    });
    co_return co_await std::move(handle).join();
}

// [end]

TEST(closure, that_is_a_coroutine_is_kept_by_the_task_that_spawn_makes_of_it) {
    expect_sound(spawns_a_closure, 3);
}

task<int> spawns_into_a_group(turnstile& gate) {
    edo::task_group group;
    auto child = group.spawn([held = tracked(3), &gate]() -> task<int> {
        co_await gate.pass();
        co_return held.value();
    });
    co_return co_await std::move(child).join();
}

TEST(closure, that_is_a_coroutine_is_kept_by_the_task_of_a_group) {
    expect_sound(spawns_into_a_group, 3);
}

}  // namespace
