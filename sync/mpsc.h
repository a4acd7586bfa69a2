#pragma once

#include <cstddef>
#include <optional>
#include <source_location>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/sync/send_result.h>
#include <edo/sync/store/mpsc_core.h>
#include <edo/sync/wait/closed_wait.h>
#include <edo/task/context.h>

/// Channels with many senders and one receiver; the messages arrive in the order of sending.
namespace edo::sync::mpsc {

template <class T>
class sender;
template <class T>
class unbounded_sender;
template <class T>
class receiver;
template <class T>
std::pair<sender<T>, receiver<T>> channel(
    std::size_t capacity, std::source_location site = std::source_location::current());
template <class T>
std::pair<unbounded_sender<T>, receiver<T>> unbounded_channel();

/// Room for one message in a channel; see sender::reserve(). Gives the room back when it is
/// destroyed unused, on any thread.
template <class T>
class [[nodiscard]] permit {
public:
    permit(permit&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    permit& operator=(permit&& other) noexcept {
        permit taken(std::move(other));
        std::swap(core_, taken.core_);
        return *this;
    }

    ~permit() {
        if (core_ != nullptr) core_->release_permit();
    }

    /// Sends into the reserved room; never waits and never fails. Uses the permit up.
    /// A message for a receiver that is gone is destroyed.
    void send(T message) noexcept {
        EDO_CHECK(core_ != nullptr, "an mpsc permit was used twice, or after it was moved away");
        std::exchange(core_, nullptr)->send_reserved(message);
    }

    // For the library.
    explicit permit(edo::detail::mpsc_core<T>& core) noexcept : core_(&core) {}

private:
    edo::detail::mpsc_core<T>* core_;
};

/// Waits for room and sends; see sender::send().
template <class T>
class [[nodiscard]] send_operation {
public:
    static constexpr const char* wait_name = "mpsc send";

    send_operation(edo::detail::mpsc_core<T>& core, T&& message) noexcept
        : core_(core), message_(std::move(message)) {}

    send_operation(send_operation&& other) noexcept
        : core_(other.core_),
          message_(std::move(other.message_)),
          request_(std::move(other.request_)),
          answer_(other.answer_) {}

    ~send_operation() {
        if (request_.is_known()) core_.abandon_send(request_);
    }

    bool poll(context& cx) noexcept {
        using enum edo::detail::send_answer;
        if (answer_ != waits) return true;
        const bool is_sent = !request_.is_known() && core_.send_at_once(message_);
        answer_ = is_sent ? done : core_.poll_send(request_, message_, cx);
        return answer_ != waits;
    }

    send_result<T> take() noexcept {
        if (answer_ == edo::detail::send_answer::done) return {};
        return send_result<T>(edo::detail::error_of(answer_), std::move(message_));
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { request_.release_line(); }

private:
    edo::detail::mpsc_core<T>& core_;
    T message_;
    edo::detail::send_request<T> request_;
    edo::detail::send_answer answer_ = edo::detail::send_answer::waits;
};

/// Waits for room; see sender::reserve().
template <class T>
class [[nodiscard]] reserve_operation {
public:
    static constexpr const char* wait_name = "mpsc reserve";

    explicit reserve_operation(edo::detail::mpsc_core<T>& core) noexcept : core_(core) {}

    reserve_operation(reserve_operation&& other) noexcept
        : core_(other.core_),
          request_(std::move(other.request_)),
          answer_(std::exchange(other.answer_, edo::detail::send_answer::waits)) {}

    ~reserve_operation() {
        if (answer_ == edo::detail::send_answer::done) {
            core_.release_permit();
        } else if (request_.is_known()) {
            core_.abandon_reserve(request_);
        }
    }

    bool poll(context& cx) noexcept {
        using enum edo::detail::send_answer;
        if (answer_ == waits) answer_ = core_.poll_reserve(request_, cx);
        return answer_ != waits;
    }

    result<permit<T>> take() noexcept {
        using enum edo::detail::send_answer;
        const auto answer = std::exchange(answer_, closed);
        if (answer == done) return permit<T>(core_);
        return edo::detail::error_of(answer);
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { request_.release_line(); }

private:
    edo::detail::mpsc_core<T>& core_;
    edo::detail::send_request<T> request_;
    edo::detail::send_answer answer_ = edo::detail::send_answer::waits;
};

/// Waits until nobody receives any more; see sender::closed().
template <class T>
using closed_operation = edo::detail::closed_wait<edo::detail::mpsc_core<T>>;

/// Waits for the next message; see receiver::recv().
template <class T>
class [[nodiscard]] recv_operation {
public:
    static constexpr const char* wait_name = "mpsc recv";

    explicit recv_operation(edo::detail::mpsc_core<T>& core) noexcept : core_(core) {}

    recv_operation(recv_operation&& other) noexcept
        : core_(other.core_),
          node_(std::move(other.node_)),
          message_(std::exchange(other.message_, std::nullopt)) {}

    ~recv_operation() {
        if (node_.is_known() || message_) core_.abandon_recv(node_, message_);
    }

    bool poll(context& cx) noexcept {
        if (message_) return true;
        if (!node_.is_known() && core_.recv_at_once(message_)) return true;
        return core_.poll_recv(node_, message_, cx);
    }

    std::optional<T> take() noexcept {
        std::optional<T> taken(std::move(message_));
        message_.reset();
        return taken;
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    edo::detail::mpsc_core<T>& core_;
    edo::detail::wait_node node_;
    std::optional<T> message_;
};

/// What both kinds of senders have in common.
template <class T>
class sender_base {
public:
    sender_base(const sender_base& other) noexcept : core_(other.core_) {
        if (core_ != nullptr) core_->add_sender();
    }

    sender_base(sender_base&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    sender_base& operator=(sender_base other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }

    ~sender_base() {
        if (core_ != nullptr) core_->drop_sender();
    }

    /// Waits until the receiver is gone or closed.
    /// Requires:     the sender outlives the wait.
    /// Cancellation: loses nothing.
    closed_operation<T> closed() noexcept { return closed_operation<T>(core()); }

    /// True when the receiver is gone or closed: nothing that is sent now arrives.
    bool is_closed() const noexcept { return core().is_closed(); }

    /// True when both send into the same channel.
    bool same_channel(const sender_base& other) const noexcept { return core_ == other.core_; }

protected:
    explicit sender_base(edo::detail::mpsc_core<T>& core) noexcept : core_(&core) {}

    edo::detail::mpsc_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "an mpsc sender was used after it was moved away");
        return *core_;
    }

private:
    edo::detail::mpsc_core<T>* core_;
};

/// Sends into a bounded channel; copies of it send into the same one. The receiver sees the end
/// when the last sender is gone.
///
/// Thread-safe: different senders yes; one sender object for calls that do not move or assign it.
template <class T>
class [[nodiscard]] sender : public sender_base<T> {
public:
    /// Sends a message, or waits for room. Senders that wait are served in the order of their
    /// calls.
    ///
    /// Requires:     the sender outlives the wait.
    /// Completes:    at once while there is room.
    /// Errors:       the message comes back in the result:
    ///               errc::closed  the receiver is gone, or was closed
    ///               std::errc::not_enough_memory  the channel could not grow
    /// Cancellation: loses the place in the queue and destroys the message, unless it is in the
    ///               channel already. To keep the message, reserve() room first.
    send_operation<T> send(T message) noexcept {
        return send_operation<T>(this->core(), std::move(message));
    }

    /// Sends without waiting.
    /// Errors: as send(), and errc::queue_full  no room, or others wait for it
    send_result<T> try_send(T message) noexcept {
        const auto answer = this->core().try_send(message);
        if (answer == edo::detail::send_answer::done) return {};
        return send_result<T>(edo::detail::error_of(answer), std::move(message));
    }

    /// Waits for room for one message and yields it as a permit. A permit keeps the channel open.
    ///
    /// Requires:     the sender outlives the wait.
    /// Errors:       errc::closed, std::errc::not_enough_memory as send()
    /// Cancellation: loses the place in the queue; room that was granted already goes to the next.
    reserve_operation<T> reserve() noexcept { return reserve_operation<T>(this->core()); }

    /// Takes room without waiting. Errors: as try_send()
    result<permit<T>> try_reserve() noexcept {
        const auto answer = this->core().try_reserve();
        if (answer == edo::detail::send_answer::done) return permit<T>(this->core());
        return edo::detail::error_of(answer);
    }

    /// Room that is free now, as a picture.
    std::size_t capacity() const noexcept { return this->core().room(); }

    /// The capacity that the channel was made with.
    std::size_t max_capacity() const noexcept { return this->core().capacity(); }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(std::size_t, std::source_location);

    explicit sender(edo::detail::mpsc_core<T>& core) noexcept : sender_base<T>(core) {}
};

/// Sends into an unbounded channel, without ever waiting; copies of it send into the same one.
///
/// Thread-safe: different senders yes; one sender object for calls that do not move or assign it.
template <class T>
class [[nodiscard]] unbounded_sender : public sender_base<T> {
public:
    /// Sends a message.
    /// Errors: the message comes back in the result:
    ///         errc::closed  the receiver is gone, or was closed
    ///         std::errc::not_enough_memory  the channel could not grow
    send_result<T> send(T message) noexcept {
        const auto answer = this->core().try_send(message);
        if (answer == edo::detail::send_answer::done) return {};
        return send_result<T>(edo::detail::error_of(answer), std::move(message));
    }

private:
    friend std::pair<unbounded_sender<T>, receiver<T>> unbounded_channel<T>();

    explicit unbounded_sender(edo::detail::mpsc_core<T>& core) noexcept : sender_base<T>(core) {}
};

/// Receives from a channel, bounded or not. Destroying it destroys the messages that are left and
/// gives those of waiting senders back to them.
///
/// Thread-safe: no; it belongs to one task at a time and may move between threads.
template <class T>
class [[nodiscard]] receiver {
public:
    receiver(receiver&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    receiver& operator=(receiver&& other) noexcept {
        receiver taken(std::move(other));
        std::swap(core_, taken.core_);
        return *this;
    }

    ~receiver() {
        if (core_ != nullptr) core_->drop_receiver();
    }

    /// Waits for the next message. Yields an empty optional when no more can come: the last sender
    /// is gone, or the receiver was closed, and everything has been received.
    ///
    ///     while (auto e = co_await rx.recv()) handle(*e);
    ///
    /// Requires:     the receiver outlives the wait.
    /// Completes:    at once while there are messages.
    /// Cancellation: loses nothing; a message that has come meanwhile is there for the next recv().
    recv_operation<T> recv() noexcept { return recv_operation<T>(core()); }

    /// Receives without waiting.
    /// Errors: errc::would_block  no message now; errc::closed  nor ever again
    result<T> try_recv() noexcept { return core().try_recv(); }

    /// Refuses new messages; those in the channel and those of permits can still be received.
    /// Senders that wait get theirs back.
    void close() noexcept { core().close(); }

    /// True when close() was called.
    bool is_closed() const noexcept { return core().is_closed(); }

    /// Messages in the channel, as a picture.
    std::size_t size() const noexcept { return core().size(); }

    bool is_empty() const noexcept { return size() == 0; }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(std::size_t, std::source_location);
    friend std::pair<unbounded_sender<T>, receiver<T>> unbounded_channel<T>();

    explicit receiver(edo::detail::mpsc_core<T>& core) noexcept : core_(&core) {}

    edo::detail::mpsc_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "an mpsc receiver was used after it was moved away");
        return *core_;
    }

    edo::detail::mpsc_core<T>* core_;
};

/// Makes a channel that holds at most `capacity` messages; a sender waits while it is full.
///
///     auto [tx, rx] = edo::sync::mpsc::channel<event>(1024);
///
/// The ends may be in different tasks, threads and runtimes.
/// Requires: capacity is at least 1; T moves without throwing and needs no more than 16 bytes of
///           alignment.
/// Cost:     memory for the messages grows with the most that were ever in the channel.
template <class T>
std::pair<sender<T>, receiver<T>> channel(std::size_t capacity, std::source_location site) {
    if (capacity == 0)
        edo::detail::fail("an mpsc channel needs a capacity of at least 1, and 0 was given", site);
    auto& core = *new edo::detail::mpsc_core<T>(capacity);
    return {sender<T>(core), receiver<T>(core)};
}

/// Makes a channel without a limit: nothing slows down senders that are faster than the receiver,
/// so the memory grows. Use it where the number of messages is limited by something else.
template <class T>
std::pair<unbounded_sender<T>, receiver<T>> unbounded_channel() {
    auto& core = *new edo::detail::mpsc_core<T>(edo::detail::unbounded);
    return {unbounded_sender<T>(core), receiver<T>(core)};
}

}  // namespace edo::sync::mpsc
