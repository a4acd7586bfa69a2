// How a worker stands aside: its tasks go to the others; it serves its sockets and timers alone.

#include <edo/base/clock.h>
#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/runtime/scheduler/worker.h>

namespace edo::detail {

void worker::give_queue_away() noexcept {
    task_list given;
    {
        const sole_mode::bracket own(sole_);
        if (task_header* const task = slot_.take(own.is_alone()); task != nullptr)
            given.push_back(*task);
        while (task_header* const task = ring_.pop(own.is_alone()))
            given.push_back(*task);
    }
    if (given.is_empty()) return;
    shared_.inject().push_all(given);
    shared_.notify_one();
}

// One wait for events, whose wakes go to the other workers.
void worker::serve_driver_only() noexcept {
    driver_.park(instant::max());
    exec_.now = monotonic_clock::read();
    driver_.advance(exec_.now);
}

void worker::run_in_place(blocking_job& job) noexcept {
    stands_aside_ = true;
    give_queue_away();
    sole_.end_by_owner();
    static_cast<void>(shared_.begin_substitution(*this, substitution::worker_itself));
    job.told = [](void* self) noexcept { static_cast<worker*>(self)->driver_.wake(); };
    job.told_to = this;
    bool is_done = false;
    if (shared_.pool().submit_if_free(job)) {
        appear(presence::kind::aside);
        while (!shared_.pool().is_over(job))
            serve_driver_only();
        appear(presence::kind::awake);
        is_done = job.state == blocking_job::state_kind::done;  // else the pool was closed first
    }
    if (!is_done) {
        // No thread to be had: the call is made here, as if it were not announced.
        shared_.run_here(job);
    }
    shared_.end_substitution(*this, substitution::worker_itself);
    stands_aside_ = false;
    exec_.now = monotonic_clock::read();
}

// A spare with tasks of its own stays: it takes the place of the next worker that is blocked.
bool worker::may_retire() noexcept {
    return is_spare_ && !pinned_.is_in_use() && !pinned_batch_.is_in_use() &&
           shared_.may_retire(*this);
}

void worker::retire() noexcept {
    if (std::exchange(searching_, false)) found_work();
    stands_aside_ = true;
    give_queue_away();
    appear(presence::kind::aside);
    while (!is_active.load(acquire) && !shared_.is_stopping()) {  // see is_active
        serve_driver_only();
        shared_.tell_if_empty();
    }
    appear(presence::kind::awake);
    stands_aside_ = false;
}

}  // namespace edo::detail
