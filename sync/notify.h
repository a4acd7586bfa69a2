#pragma once

#include <cstdint>
#include <utility>

#include <edo/sync/wait/lock_word.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>

namespace edo::sync {

class notify;

/// Waits for a notification; see notify::notified().
class [[nodiscard]] notified_operation {
public:
    static constexpr const char* wait_name = "notify";

    explicit notified_operation(notify& from) noexcept;

    notified_operation(notified_operation&& other) noexcept
        : from_(other.from_),
          round_(other.round_),
          node_(std::move(other.node_)),
          done_(other.done_),
          holds_permit_(std::exchange(other.holds_permit_, false)) {}

    ~notified_operation() {
        if (node_.is_known() || holds_permit_) [[unlikely]]
            give_up();
    }

    bool poll(context& cx) noexcept;

    void take() noexcept { holds_permit_ = false; }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    friend notify;

    // `one` is a notification that only this wait has had, so it must be passed on when it is not
    // used.
    enum class answer : unsigned char { none, one, all };

    void give_up() noexcept;
    bool end(bool has_permit) noexcept;

    struct node : detail::wait_node {
        node() noexcept {}

        node(node&& other) noexcept : wait_node(std::move(other)) {}

        answer given = answer::none;
    };

    notify& from_;
    std::uint64_t round_;  // as it was when the operation was made
    node node_;
    bool done_ = false;
    bool holds_permit_ = false;
};

/// Tells tasks that something has happened, without saying what.
///
///     edo::sync::notify changed;
///     co_await changed.notified();    // one task
///     changed.notify_one();           // another, now, before or later
///
/// Holds at most one permit: notify_one() without a waiting task makes the next notified() finish
/// at once, and a second notify_one() adds nothing. So a consumer that looks at its queue after
/// each notified() misses nothing.
///
/// Requires:    it outlives whoever waits; a destructor that finds a waiting task aborts with a
///              message.
/// Thread-safe: yes, also across runtimes and from threads outside of any.
class notify {
public:
    notify() noexcept {}

    notify(const notify&) = delete;
    notify& operator=(const notify&) = delete;
    ~notify();

    /// Waits for a notification.
    ///
    /// Completes:    at once when a permit is stored, or when notify_waiters() was called since
    ///               this operation was made, even if it was not awaited yet.
    /// Cancellation: loses the place in the queue; a notification by notify_one() that has come
    ///               already goes to the next that waits, or is stored.
    /// Cost:         no allocation.
    notified_operation notified() noexcept { return notified_operation(*this); }

    /// Wakes the task that waits longest, or stores the permit if none waits.
    void notify_one() noexcept;
    /// Wakes all that wait now, and stores nothing. Cost: linear in their number, under a lock.
    void notify_waiters() noexcept;

private:
    friend notified_operation;

    // One word (lock_word.h) says whether somebody waits, whether the permit is stored, and how
    // often notify_waiters() was called: the *round*.
    //
    // While nobody waits, storing and taking the permit are one change of the word each. Storing
    // changes it also if the permit is there already, so that who takes it sees what preceded each
    // notification. While somebody waits there is no permit, and notifications go to the list,
    // which lies under the word's lock. The round grows by the unlock of notify_waiters(), and
    // notified() reads it without the lock: who has made the operation before it heard of the call,
    // by whatever way, has the round before it.
    //
    // Dropping a wait: see wait_list.h. Model: tests/model/notify_model.cpp.
    static constexpr std::uint64_t waiting = 2, permit = 4, one_round = 8;

    static std::uint64_t round_in(std::uint64_t word) noexcept { return word / one_round; }

    void notify_first() noexcept;
    detail::task_header* notify_first_locked(std::uint64_t& word) noexcept;

    detail::lock_word word_;
    detail::wait_list waiting_;
};

inline notified_operation::notified_operation(notify& from) noexcept
    : from_(from), round_(notify::round_in(from.word_.get())) {}  // G

}  // namespace edo::sync
