#include <cstdint>

#include <gtest/gtest.h>

#include <edo/task/state/state.h>

// Each row of the table in state.h, taken alone: what it does to the word and what it tells the
// caller. How the rows meet is for tests/model/task_model.cpp and tests/stress/task_state_test.cpp.

namespace {

using edo::detail::task_state;
using start = task_state::start;
using stop = task_state::stop;
using wake_end = task_state::wake_end;
using completion = task_state::completion;

constexpr std::uint64_t running = task_state::running, complete = task_state::complete_bit,
                        notified = task_state::notified, cancelled = task_state::cancelled,
                        handle = task_state::join_interest, waker = task_state::join_waker,
                        fresh = task_state::unpolled, left = task_state::entry_left;

constexpr std::uint64_t refs(std::uint64_t count) {
    return count * task_state::ref_one;
}

/// A task with a handle, a handful of references, and a state that is reached as in life.
class made : public task_state {
public:
    static constexpr std::uint64_t count = 5;

    made() noexcept { init(count, true); }

    made& run() {
        EXPECT_EQ(start_poll(), start::poll);
        return *this;
    }

    made& rest() {
        std::uint8_t spare = 0;
        EXPECT_EQ(run().stop_poll(false, false, spare), stop::idle);
        return *this;
    }

    /// Ends with one reference left.
    made& end() {
        EXPECT_EQ(run().complete(count - 1, true), completion::done);
        return *this;
    }
};

TEST(task_state, wake_queues_an_idle_task_with_a_reference) {
    made idle;
    idle.rest();

    EXPECT_TRUE(idle.wake());

    EXPECT_EQ(idle.peek(), handle | notified | refs(made::count + 1));
}

TEST(task_state, wake_of_a_queued_task_changes_nothing) {
    made queued;

    EXPECT_FALSE(queued.wake());

    EXPECT_EQ(queued.peek(), fresh | handle | notified | refs(made::count));
}

TEST(task_state, wake_of_a_running_task_is_kept_until_its_poll_ends) {
    made task;
    task.run();
    std::uint8_t spare = 0;

    EXPECT_FALSE(task.wake());
    EXPECT_EQ(task.peek(), handle | running | notified | refs(made::count));

    EXPECT_EQ(task.stop_poll(false, false, spare), stop::requeue);
    EXPECT_EQ(task.peek(), handle | notified | refs(made::count)) << "the entry's is the poll's";
    EXPECT_EQ(spare, 0);
}

TEST(task_state, wake_of_a_complete_task_changes_nothing) {
    made task;
    task.end();

    EXPECT_FALSE(task.wake());

    EXPECT_EQ(task.peek(), handle | complete | refs(1));
}

TEST(task_state, wake_that_releases_gives_its_reference_to_the_entry) {
    made idle;
    idle.rest();

    EXPECT_EQ(idle.wake_and_release(), wake_end::enqueue);

    EXPECT_EQ(idle.peek(), handle | notified | refs(made::count));
}

TEST(task_state, wake_that_releases_lets_its_reference_go_if_there_is_no_new_entry) {
    made queued, busy;
    busy.run();

    EXPECT_EQ(queued.wake_and_release(), wake_end::done);
    EXPECT_EQ(busy.wake_and_release(), wake_end::done);

    EXPECT_EQ(queued.peek(), fresh | handle | notified | refs(made::count - 1));
    EXPECT_EQ(busy.peek(), handle | running | notified | refs(made::count - 1));
}

TEST(task_state, wake_that_releases_the_last_reference_says_so) {
    made task;
    task.end();

    EXPECT_EQ(task.wake_and_release(), wake_end::last_reference);
}

TEST(task_state, entry_of_a_task_that_another_thread_has_is_stale) {
    made busy, over;
    busy.run();
    over.end();

    EXPECT_EQ(busy.start_poll(), start::stale);
    EXPECT_EQ(over.start_poll(), start::stale);

    EXPECT_EQ(busy.peek(), handle | running | refs(made::count));
    EXPECT_EQ(over.peek(), handle | complete | refs(1));
}

TEST(task_state, cancelled_task_is_dropped_in_place_of_its_poll) {
    made task;
    EXPECT_FALSE(task.request_cancel());

    EXPECT_EQ(task.start_poll(), start::drop);

    EXPECT_EQ(task.peek(), handle | running | cancelled | refs(made::count));
}

TEST(task_state, poll_that_ends_keeps_its_reference_as_a_spare_one) {
    made task;
    task.run();
    std::uint8_t spare = task_state::most_spare - 1;

    EXPECT_EQ(task.stop_poll(false, false, spare), stop::idle);

    EXPECT_EQ(spare, task_state::most_spare);
    EXPECT_EQ(task.peek(), handle | refs(made::count));
}

TEST(task_state, poll_that_ends_with_enough_spare_ones_lets_its_reference_go) {
    made task;
    task.run();
    std::uint8_t spare = task_state::most_spare;

    EXPECT_EQ(task.stop_poll(false, false, spare), stop::idle);

    EXPECT_EQ(spare, task_state::most_spare);
    EXPECT_EQ(task.peek(), handle | refs(made::count - 1));
}

TEST(task_state, poll_that_yields_is_queued_with_its_reference) {
    for (const std::uint8_t had : {std::uint8_t{0}, task_state::most_spare}) {
        made task;
        task.run();
        std::uint8_t spare = had;

        EXPECT_EQ(task.stop_poll(false, true, spare), stop::requeue);

        EXPECT_EQ(spare, had);
        EXPECT_EQ(task.peek(), handle | notified | refs(made::count));
    }
}

TEST(task_state, poll_that_finds_a_cancel_goes_on_to_drop) {
    made task;
    task.run();
    EXPECT_FALSE(task.request_cancel());
    std::uint8_t spare = 1;

    EXPECT_EQ(task.stop_poll(false, false, spare), stop::drop);
    EXPECT_EQ(spare, 1);
    EXPECT_EQ(task.peek(), handle | running | cancelled | refs(made::count));

    EXPECT_EQ(task.stop_poll(true, false, spare), stop::idle) << "while it drops that is no news";
    EXPECT_EQ(task.peek(), handle | cancelled | refs(made::count));
}

TEST(task_state, completion_lets_go_of_references_at_once) {
    made some, all;
    some.run();
    all.run();

    EXPECT_EQ(some.complete(2, true), completion::done);
    EXPECT_EQ(all.complete(made::count, true), completion::is_last);

    EXPECT_EQ(some.peek(), handle | complete | refs(made::count - 2));
}

TEST(task_state, completion_without_a_handle_is_put_off_until_the_output_is_gone) {
    made task;
    static_cast<void>(task.run().drop_handle(false));

    EXPECT_EQ(task.complete(2, true), completion::unclaimed);
    EXPECT_EQ(task.peek(), running | refs(made::count - 1));

    EXPECT_EQ(task.complete(2, false), completion::done);
    EXPECT_EQ(task.peek(), complete | refs(made::count - 3));
}

TEST(task_state, completion_that_takes_a_waker_keeps_the_references) {
    made task;
    EXPECT_TRUE(task.run().set_join_waker());

    EXPECT_EQ(task.complete(made::count, true), completion::has_waker);

    EXPECT_EQ(task.peek(), handle | waker | complete | refs(made::count));
}

TEST(task_state, completion_forgets_a_wake_and_a_cancel) {
    made task;
    task.run();
    EXPECT_FALSE(task.wake());
    EXPECT_FALSE(task.request_cancel());

    EXPECT_EQ(task.complete(1, true), completion::done);

    EXPECT_TRUE(task.is_complete());
    EXPECT_EQ(task.start_poll(), start::stale);
    EXPECT_FALSE(task.wake());
    EXPECT_FALSE(task.request_cancel());
}

TEST(task_state, cancel_queues_an_idle_task_with_a_reference_and_once) {
    made idle;
    idle.rest();

    EXPECT_TRUE(idle.request_cancel());
    EXPECT_FALSE(idle.request_cancel());

    EXPECT_EQ(idle.peek(), handle | notified | cancelled | refs(made::count + 1));
}

TEST(task_state, task_that_waits_in_the_middle_of_its_drop_is_not_queued_by_a_cancel) {
    made task;
    EXPECT_FALSE(task.request_cancel());
    EXPECT_EQ(task.start_poll(), start::drop);
    std::uint8_t spare = 0;
    EXPECT_EQ(task.stop_poll(true, false, spare), stop::idle);

    EXPECT_FALSE(task.request_cancel());
    EXPECT_FALSE(task.drop_handle(true).enqueue);

    EXPECT_EQ(task.peek(), cancelled | refs(made::count - 1));
}

TEST(task_state, cancel_of_a_complete_task_changes_nothing) {
    made task;
    task.end();

    EXPECT_FALSE(task.request_cancel());

    EXPECT_EQ(task.peek(), handle | complete | refs(1));
}

TEST(task_state, claim_takes_a_task_that_nobody_has) {
    made idle, queued;
    idle.rest();

    EXPECT_TRUE(idle.claim());
    EXPECT_TRUE(queued.claim());

    EXPECT_EQ(idle.peek(), handle | running | cancelled | refs(made::count + 1));
    EXPECT_EQ(queued.peek(),
              fresh | handle | running | notified | cancelled | refs(made::count + 1));
    EXPECT_EQ(queued.start_poll(), start::stale) << "its entry is void";
}

TEST(task_state, claim_of_a_running_task_cancels_it) {
    made busy;
    busy.run();

    EXPECT_FALSE(busy.claim());

    EXPECT_EQ(busy.peek(), handle | running | cancelled | refs(made::count));
}

TEST(task_state, claim_of_a_complete_task_changes_nothing) {
    made task;
    task.end();

    EXPECT_FALSE(task.claim());

    EXPECT_EQ(task.peek(), handle | complete | refs(1));
}

TEST(task_state, inspection_takes_an_idle_task_only) {
    made idle, queued, busy, over;
    idle.rest();
    busy.run();
    over.end();

    EXPECT_TRUE(idle.begin_inspection());
    EXPECT_FALSE(queued.begin_inspection());
    EXPECT_FALSE(busy.begin_inspection());
    EXPECT_FALSE(over.begin_inspection());

    EXPECT_EQ(idle.peek(), handle | running | refs(made::count + 1));
}

TEST(task_state, inspection_that_nothing_disturbed_leaves_its_reference_to_the_caller) {
    made idle;
    EXPECT_TRUE(idle.rest().begin_inspection());

    EXPECT_FALSE(idle.end_inspection());

    EXPECT_EQ(idle.peek(), handle | refs(made::count + 1));
}

TEST(task_state, inspection_gives_its_reference_to_the_entry_after_a_wake_or_a_cancel) {
    made woken, asked;
    EXPECT_TRUE(woken.rest().begin_inspection());
    EXPECT_TRUE(asked.rest().begin_inspection());
    EXPECT_FALSE(woken.wake());
    EXPECT_FALSE(asked.request_cancel());

    EXPECT_TRUE(woken.end_inspection());
    EXPECT_TRUE(asked.end_inspection());

    EXPECT_EQ(woken.peek(), handle | notified | refs(made::count + 1));
    EXPECT_EQ(asked.peek(), handle | notified | cancelled | refs(made::count + 1));
}

TEST(task_state, join_waker_is_the_handles_until_the_end) {
    made task;

    EXPECT_TRUE(task.set_join_waker());
    EXPECT_TRUE(task.has_join_waker());
    EXPECT_TRUE(task.is_awaited_by_handle());
    EXPECT_TRUE(task.clear_join_waker());
    EXPECT_FALSE(task.is_awaited_by_handle());
    EXPECT_EQ(task.peek(), fresh | handle | notified | refs(made::count));
}

TEST(task_state, join_waker_of_a_complete_task_is_nobodys_to_set_or_clear) {
    made without, with;
    without.end();
    EXPECT_TRUE(with.set_join_waker());
    EXPECT_EQ(with.run().complete(1, true), completion::has_waker);

    EXPECT_FALSE(without.set_join_waker());
    EXPECT_FALSE(with.clear_join_waker());
    EXPECT_FALSE(with.is_awaited_by_handle());
}

TEST(task_state, handle_that_goes_takes_its_waker_along) {
    made task;
    EXPECT_TRUE(task.set_join_waker());

    const auto went = task.drop_handle(false);

    EXPECT_FALSE(went.complete);
    EXPECT_TRUE(went.had_waker);
    EXPECT_FALSE(went.enqueue);
    EXPECT_EQ(task.peek(), fresh | notified | refs(made::count));
}

TEST(task_state, handle_that_goes_and_cancels_queues_an_idle_task_only) {
    made idle, queued, busy, asked;
    idle.rest();
    busy.run();
    EXPECT_TRUE(asked.rest().request_cancel());

    EXPECT_TRUE(idle.drop_handle(true).enqueue);
    EXPECT_FALSE(queued.drop_handle(true).enqueue);
    EXPECT_FALSE(busy.drop_handle(true).enqueue);
    EXPECT_FALSE(asked.drop_handle(true).enqueue);

    // The handle's reference is the queue entry's, or gone.
    EXPECT_EQ(idle.peek(), notified | cancelled | refs(made::count));
    EXPECT_EQ(queued.peek(), fresh | notified | cancelled | refs(made::count - 1));
    EXPECT_EQ(busy.peek(), running | cancelled | refs(made::count - 1));
    EXPECT_EQ(asked.peek(), notified | cancelled | refs(made::count));
}

TEST(task_state, handle_that_goes_and_cancels_keeps_its_reference_while_it_clears_its_waker) {
    made idle;
    EXPECT_TRUE(idle.rest().set_join_waker());

    const auto went = idle.drop_handle(true);

    EXPECT_TRUE(went.had_waker);
    EXPECT_TRUE(went.enqueue);
    EXPECT_EQ(idle.peek(), notified | cancelled | refs(made::count + 1));
}

TEST(task_state, handle_that_goes_after_the_end_has_the_output_to_destroy) {
    made task;
    task.end();

    const auto went = task.drop_handle(true);

    EXPECT_TRUE(went.complete);
    EXPECT_FALSE(went.enqueue);
    EXPECT_EQ(task.peek(), handle | complete | refs(1));
}

TEST(task_state, reference_is_given_to_strangers_before_the_end_only) {
    made task;
    EXPECT_TRUE(task.add_ref_unless_complete());
    EXPECT_EQ(task.peek(), fresh | handle | notified | refs(made::count + 1));

    made over;
    over.end();
    EXPECT_FALSE(over.add_ref_unless_complete());
    EXPECT_EQ(over.peek(), handle | complete | refs(1));
}

TEST(task_state, last_references_free_the_task) {
    made task;
    task.end();
    task.add_ref();
    task.add_ref();

    EXPECT_FALSE(task.release_refs());
    EXPECT_TRUE(task.release_refs(2));
}

/// A new task that who waits for it has taken for its first poll. Its entry is in a queue still.
class made_early : public made {
public:
    made_early() noexcept { EXPECT_TRUE(start_first_poll()); }

    made_early& rest() {
        std::uint8_t spare = 0;
        EXPECT_EQ(stop_poll(false, false, spare), stop::idle);
        EXPECT_EQ(spare, 1);
        return *this;
    }
};

TEST(task_state, first_poll_by_who_waits_leaves_the_entry_and_counts_a_reference) {
    made_early task;

    EXPECT_EQ(task.peek(), handle | running | left | refs(made::count + 1));
}

TEST(task_state, first_poll_by_who_waits_is_of_a_new_task_that_is_to_be_polled) {
    made polled, busy, unwanted, over;
    polled.rest().wake();
    busy.run();
    unwanted.request_cancel();
    over.end();

    EXPECT_FALSE(polled.start_first_poll());
    EXPECT_FALSE(busy.start_first_poll());
    EXPECT_FALSE(unwanted.start_first_poll());
    EXPECT_FALSE(over.start_first_poll());
}

TEST(task_state, entry_that_was_left_is_void_until_the_task_is_woken) {
    made_early busy, idle, woken;
    idle.rest();
    woken.rest();

    EXPECT_FALSE(woken.wake()) << "a second entry";
    EXPECT_EQ(busy.start_poll(), start::stale);
    EXPECT_EQ(idle.start_poll(), start::stale);
    EXPECT_EQ(woken.start_poll(), start::poll);

    EXPECT_EQ(busy.peek(), handle | running | refs(made::count + 1));
    EXPECT_EQ(idle.peek(), handle | refs(made::count + 1));
    EXPECT_EQ(woken.peek(), handle | running | refs(made::count + 1));
}

TEST(task_state, void_entry_is_told_from_one_that_queues_the_task) {
    made queued;
    made_early busy, idle, woken;
    idle.rest();
    woken.rest().wake();

    EXPECT_FALSE(queued.take_void_entry());
    EXPECT_FALSE(woken.take_void_entry());
    EXPECT_TRUE(busy.take_void_entry());
    EXPECT_TRUE(idle.take_void_entry());

    EXPECT_EQ(woken.peek(), handle | notified | left | refs(made::count + 1));
    EXPECT_EQ(busy.peek(), handle | running | refs(made::count + 1));
    EXPECT_TRUE(idle.wake()) << "the next wake makes an entry";
}

TEST(task_state, end_of_a_poll_leaves_a_woken_task_to_the_entry_that_is_there) {
    made_early woken, yielding, full;
    std::uint8_t none = 0, most = task_state::most_spare;
    woken.wake();

    EXPECT_EQ(woken.stop_poll(false, false, none), stop::idle);
    EXPECT_EQ(none, 1);
    EXPECT_EQ(yielding.stop_poll(false, true, none), stop::idle);
    EXPECT_EQ(none, 2);
    full.wake();
    EXPECT_EQ(full.stop_poll(false, false, most), stop::idle);

    EXPECT_EQ(woken.peek(), handle | notified | left | refs(made::count + 1));
    EXPECT_EQ(yielding.peek(), handle | notified | left | refs(made::count + 1));
    EXPECT_EQ(full.peek(), handle | notified | left | refs(made::count));
}

TEST(task_state, nothing_makes_a_second_entry) {
    made_early released, asked, dropped, inspected;
    released.rest();
    asked.rest();
    dropped.rest();
    inspected.rest();

    EXPECT_EQ(released.wake_and_release(), wake_end::done);
    EXPECT_FALSE(asked.request_cancel());
    EXPECT_FALSE(dropped.drop_handle(true).enqueue);
    EXPECT_TRUE(inspected.begin_inspection());
    EXPECT_FALSE(inspected.wake());
    EXPECT_FALSE(inspected.end_inspection());

    EXPECT_EQ(released.peek(), handle | notified | left | refs(made::count));
    EXPECT_EQ(asked.peek(), handle | notified | cancelled | left | refs(made::count + 1));
    EXPECT_EQ(dropped.peek(), notified | cancelled | left | refs(made::count));
    EXPECT_EQ(inspected.peek(), handle | notified | left | refs(made::count + 2));
}

}  // namespace
