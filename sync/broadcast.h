#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/sync/send_result.h>
#include <edo/sync/store/broadcast_core.h>
#include <edo/sync/wait/closed_wait.h>
#include <edo/task/context.h>

/// A channel in which every receiver gets every message.
namespace edo::sync::broadcast {

template <class T>
class sender;
template <class T>
class receiver;
template <class T>
std::pair<sender<T>, receiver<T>> channel(
    std::size_t capacity, std::source_location site = std::source_location::current());

/// A message, or why there is none.
template <class T>
class [[nodiscard]] recv_result : public result<T> {
public:
    recv_result(T&& message) noexcept(std::is_nothrow_move_constructible_v<T>)  // NOLINT: implicit
        : result<T>(std::move(message)) {}

    recv_result(errc why, std::uint64_t missed = 0) noexcept  // NOLINT: implicit
        : result<T>(why), missed_(missed) {}

    /// With errc::lagged: how many messages this receiver was too slow for. Else 0.
    std::uint64_t missed() const noexcept { return missed_; }

private:
    std::uint64_t missed_ = 0;
};

/// Waits for the next message; see receiver::recv().
template <class T>
class [[nodiscard]] recv_operation {
public:
    static constexpr const char* wait_name = "broadcast recv";

    recv_operation(edo::detail::broadcast_core<T>& core, std::uint64_t& next) noexcept
        : core_(core), next_(next) {}

    recv_operation(recv_operation&& other) noexcept
        : core_(other.core_),
          next_(other.next_),
          node_(std::move(other.node_)),
          got_(std::exchange(other.got_, std::nullopt)) {}

    ~recv_operation() {
        if (node_.is_known()) core_.abandon_recv(node_);
        if (got_) core_.put_back(*got_, next_);
    }

    bool poll(context& cx) noexcept {
        if (!got_) got_ = core_.poll_recv(node_, next_, cx);
        return got_.has_value();
    }

    recv_result<T> take() {
        recv_result<T> taken = edo::detail::output_of<recv_result<T>>(*got_);
        got_.reset();
        return taken;
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    edo::detail::broadcast_core<T>& core_;
    std::uint64_t& next_;
    edo::detail::wait_node node_;
    std::optional<edo::detail::broadcast_answer<T>> got_;
};

/// Waits until the last receiver is gone; see sender::closed().
template <class T>
using closed_operation = edo::detail::closed_wait<edo::detail::broadcast_core<T>>;

/// Sends to all receivers; copies of it send into the same channel. Receivers see the end when the
/// last sender is gone.
///
/// Thread-safe: different senders yes; one sender object for calls that do not move or assign it.
template <class T>
class [[nodiscard]] sender {
public:
    sender(const sender& other) noexcept : core_(other.core_) {
        if (core_ != nullptr) core_->add_sender();
    }

    sender(sender&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    sender& operator=(sender other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }

    ~sender() {
        if (core_ != nullptr) core_->drop_sender();
    }

    /// Sends a message to those that receive now. Never waits: when the channel is full the oldest
    /// message makes room, and receivers that have not read it learn that they lagged.
    /// Throws what moving a T throws, and std::bad_alloc; then nothing was sent.
    /// Errors: errc::closed  nobody receives; the message comes back in the result
    send_result<T> send(T message) {
        edo::detail::shared_value<T> shared(std::in_place, std::move(message));
        if (core().send(shared)) return {};
        return send_result<T>(errc::closed, std::move(shared.exclusive()));
    }

    /// A further receiver, for what is sent from now on.
    receiver<T> subscribe() noexcept;

    /// How many receive now, as a picture.
    std::size_t receiver_count() const noexcept { return core().receiver_count(); }

    /// Waits until there is no receiver.
    /// Requires:     the sender outlives the wait.
    /// Cancellation: loses nothing.
    closed_operation<T> closed() noexcept { return closed_operation<T>(core()); }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(std::size_t, std::source_location);

    explicit sender(edo::detail::broadcast_core<T>& core) noexcept : core_(&core) {}

    edo::detail::broadcast_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a broadcast sender was used after it was moved away");
        return *core_;
    }

    edo::detail::broadcast_core<T>* core_;
};

/// Receives every message that is sent while it exists.
///
/// Thread-safe: no; each receiver belongs to one task at a time and may move between threads.
template <class T>
class [[nodiscard]] receiver {
public:
    receiver(receiver&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), next_(other.next_) {}

    receiver& operator=(receiver&& other) noexcept {
        receiver taken(std::move(other));
        std::swap(core_, taken.core_);
        std::swap(next_, taken.next_);
        return *this;
    }

    ~receiver() {
        if (core_ != nullptr) core_->drop_receiver(next_);
    }

    /// Waits for the next message and yields a copy of it; the last receiver gets the message
    /// itself. Throws what copying a T throws; then the message is there for the next recv().
    ///
    /// Requires:     the receiver outlives the wait and stays where it is.
    /// Errors:       errc::lagged  messages were overwritten before this receiver read them;
    ///               missed() of the result says how many. The next recv() yields the oldest that
    ///               is left.
    ///               errc::closed  the last sender is gone and everything was received
    /// Cancellation: loses nothing.
    recv_operation<T> recv() noexcept { return recv_operation<T>(core(), next_); }

    /// Receives without waiting. Errors: as recv(), and errc::would_block  no message now
    recv_result<T> try_recv() {
        auto got = core().try_recv(next_);
        if (!got) return errc::would_block;
        try {
            return edo::detail::output_of<recv_result<T>>(*got);
        } catch (...) {
            core().put_back(*got, next_);
            throw;
        }
    }

    /// A further receiver, for what is sent from now on.
    receiver resubscribe() noexcept {
        const std::uint64_t next = core().add_receiver();
        return receiver(core(), next);
    }

    /// Messages that wait for this receiver, those that it has missed included; as a picture.
    std::uint64_t size() const noexcept { return core().behind(next_); }

    bool is_empty() const noexcept { return size() == 0; }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(std::size_t, std::source_location);
    friend sender<T>;

    receiver(edo::detail::broadcast_core<T>& core, std::uint64_t next) noexcept
        : core_(&core), next_(next) {}

    edo::detail::broadcast_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a broadcast receiver was used after it was moved away");
        return *core_;
    }

    edo::detail::broadcast_core<T>* core_;
    std::uint64_t next_;
};

template <class T>
receiver<T> sender<T>::subscribe() noexcept {
    const std::uint64_t next = core().add_receiver();
    return receiver<T>(core(), next);
}

/// Makes a channel that keeps at least the last `capacity` messages for slow receivers.
///
///     auto [tx, rx] = edo::sync::broadcast::channel<msg>(64);
///     auto other = tx.subscribe();
///
/// The ends may be in different tasks, threads and runtimes.
/// Requires: capacity is at least 1 and at most 2^32; it is rounded up to a power of two.
/// Cost:     one allocation for each message; a message is freed when the last receiver has read
///           it.
template <class T>
std::pair<sender<T>, receiver<T>> channel(std::size_t capacity, std::source_location site) {
    static_assert(std::is_copy_constructible_v<T>, "every receiver of a broadcast gets a copy");
    auto& core = *new edo::detail::broadcast_core<T>(capacity, 0, site);
    return {sender<T>(core), receiver<T>(core, 0)};
}

}  // namespace edo::sync::broadcast
