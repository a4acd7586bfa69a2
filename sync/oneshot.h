#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/base/seam/spin_lock.h>
#include <edo/sync/send_result.h>
#include <edo/sync/store/message.h>
#include <edo/sync/wait/closed_wait.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>

namespace edo::sync::oneshot {
template <class T>
class sender;
template <class T>
class receiver;
template <class T>
std::pair<sender<T>, receiver<T>> channel();
}  // namespace edo::sync::oneshot

namespace edo::detail {

/// What both ends of a one-shot channel share. Freed by the end that goes last.
///
/// The message belongs to the core from send() until a receive takes it out or the receiver goes;
/// all under the lock, so it has one owner at any time. No message is destroyed under the lock. It
/// spins, because there are only two ends and little to do.
template <class T>
class oneshot_core {
public:
    static constexpr const char* closed_name = "oneshot closed";

    oneshot_core() noexcept { check_message_type<T>(); }

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    /// Ends the sending. Returns: false when nobody will receive; then `message` is untouched.
    bool send(T& message) noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        sending_ended_ = true;
        if (closed_) return false;
        message_.emplace(std::move(message));
        wake_receivers_locked(woken);
        return true;
    }

    /// The sender goes. The core may be gone afterwards.
    void drop_sender() noexcept {
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            if (!std::exchange(sending_ended_, true)) wake_receivers_locked(woken);
            is_last = --ends_ == 0;
        }
        if (is_last) delete this;
    }

    bool poll_receive(wait_node& node, std::optional<T>& into, const context& cx) noexcept {
        spin_guard held(lock_);
        return receiving_.poll(node, cx, try_receive_locked(into) || is_ended_locked());
    }

    /// Ends a receive that was not finished, and puts back a message that was not taken.
    void abandon_receive(wait_node& node, std::optional<T>& untaken) noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        receiving_.forget(node);
        if (untaken) message_.emplace(std::move(*untaken));
        if (message_ || is_ended_locked()) wake_receivers_locked(woken);
    }

    result<T> try_receive() noexcept {
        std::optional<T> taken;
        spin_guard held(lock_);
        if (try_receive_locked(taken)) return std::move(*taken);
        if (is_ended_locked()) return errc::closed;
        return errc::would_block;
    }

    void close() noexcept {
        wake_batch woken;
        spin_guard held(lock_);
        closed_ = true;
        closing_.fire_all(woken);
        wake_receivers_locked(woken);
    }

    /// The receiver goes. The core may be gone afterwards.
    void drop_receiver() noexcept {
        // destroyed when the lock is free: its destructor is the user's code
        std::optional<T> unread;
        bool is_last = false;
        {
            wake_batch woken;
            spin_guard held(lock_);
            EDO_CHECK(receiving_.is_empty(),
                      "a oneshot receiver was destroyed while a task waits in its recv()");
            closed_ = true;
            closing_.fire_all(woken);
            static_cast<void>(try_receive_locked(unread));
            is_last = --ends_ == 0;
        }
        if (is_last) delete this;
    }

    bool poll_closed(wait_node& node, const context& cx) noexcept {
        spin_guard held(lock_);
        return closing_.poll(node, cx, closed_);
    }

    void abandon_closed(wait_node& node) noexcept {
        spin_guard held(lock_);
        closing_.forget(node);
    }

    bool is_closed() const noexcept {
        spin_guard held(lock_);
        return closed_;
    }

private:
    /// No message will come any more.
    bool is_ended_locked() const noexcept { return sending_ended_ || closed_; }

    // All: the first may be in a variable, where nobody polls it.
    void wake_receivers_locked(wake_batch& woken) noexcept { receiving_.fire_all(woken); }

    bool try_receive_locked(std::optional<T>& into) noexcept {
        if (!message_) return false;
        into.emplace(std::move(*message_));
        message_.reset();
        return true;
    }

    mutable spin_lock lock_;
    unsigned char ends_ = 2;  // those that have not gone
    bool sending_ended_ = false;
    bool closed_ = false;
    wait_list receiving_;
    wait_list closing_;
    std::optional<T> message_;
};

}  // namespace edo::detail

namespace edo::sync::oneshot {

/// Waits until the receiver does not want the message any more; see sender::closed().
template <class T>
using closed_operation = edo::detail::closed_wait<edo::detail::oneshot_core<T>>;

/// Waits for the message; see receiver::recv().
template <class T>
class [[nodiscard]] recv_operation {
public:
    static constexpr const char* wait_name = "oneshot recv";

    explicit recv_operation(edo::detail::oneshot_core<T>& core) noexcept : core_(core) {}

    recv_operation(recv_operation&& other) noexcept
        : core_(other.core_),
          node_(std::move(other.node_)),
          message_(std::exchange(other.message_, std::nullopt)) {}

    ~recv_operation() {
        if (node_.is_known() || message_) core_.abandon_receive(node_, message_);
    }

    bool poll(context& cx) noexcept { return message_ || core_.poll_receive(node_, message_, cx); }

    result<T> take() noexcept {
        if (!message_) return errc::closed;
        result<T> taken(std::move(*message_));
        message_.reset();
        return taken;
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    edo::detail::oneshot_core<T>& core_;
    edo::detail::wait_node node_;
    std::optional<T> message_;
};

/// The end of a one-shot channel that sends, once. Destroying it unused ends the channel.
///
/// Thread-safe: no; each end belongs to one task at a time and may move between threads.
template <class T>
class [[nodiscard]] sender {
public:
    sender(sender&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), sent_(other.sent_) {}

    sender& operator=(sender&& other) noexcept {
        sender taken(std::move(other));
        std::swap(core_, taken.core_);
        std::swap(sent_, taken.sent_);
        return *this;
    }

    ~sender() {
        if (core_ != nullptr) core_->drop_sender();
    }

    /// Hands the message to the receiver. Never waits.
    ///
    /// Requires: nothing was sent before.
    /// Errors:   errc::closed  the receiver is gone, or was closed; the message comes back in the
    ///           result
    send_result<T> send(T message) noexcept {
        EDO_CHECK(!sent_,
                  "a oneshot sender sent a second message; use an mpsc channel for more than one");
        auto& c = core();
        sent_ = true;
        if (c.send(message)) return {};
        return send_result<T>(errc::closed, std::move(message));
    }

    /// Waits until the receiver is gone or closed, so that there is no point in working on.
    /// Requires:     the sender outlives the wait.
    /// Cancellation: loses nothing.
    closed_operation<T> closed() noexcept { return closed_operation<T>(core()); }

    bool is_closed() const noexcept { return core().is_closed(); }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>();

    explicit sender(edo::detail::oneshot_core<T>& core) noexcept : core_(&core) {}

    edo::detail::oneshot_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a oneshot sender was used after it was moved away");
        return *core_;
    }

    edo::detail::oneshot_core<T>* core_;
    bool sent_ = false;
};

/// The end of a one-shot channel that receives. Destroying it tells the sender, and destroys a
/// message that nobody has received.
///
/// Thread-safe: no; each end belongs to one task at a time and may move between threads.
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

    /// Waits for the message.
    ///
    /// Requires:     the receiver outlives the wait.
    /// Completes:    at once when the message is there.
    /// Errors:       errc::closed  the sender is gone without a message, close() was called before
    ///               there was one, or it was received already
    /// Cancellation: loses nothing; a message that has come meanwhile is there for the next recv().
    recv_operation<T> recv() noexcept { return recv_operation<T>(core()); }

    /// Receives without waiting.
    /// Errors: errc::would_block  no message yet; errc::closed  as recv()
    result<T> try_recv() noexcept { return core().try_receive(); }

    /// Refuses a message from now on, and ends a recv() that waits for one. A message that was sent
    /// before can still be received.
    void close() noexcept { core().close(); }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>();

    explicit receiver(edo::detail::oneshot_core<T>& core) noexcept : core_(&core) {}

    edo::detail::oneshot_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a oneshot receiver was used after it was moved away");
        return *core_;
    }

    edo::detail::oneshot_core<T>* core_;
};

/// Makes a channel for one message, such as the answer to a request.
///
///     auto [tx, rx] = edo::sync::oneshot::channel<int>();
///
/// The ends may be in different tasks, threads and runtimes.
/// Requires: T moves without throwing and needs no more than 16 bytes of alignment.
/// Cost:     one allocation from the thread's free lists.
template <class T>
std::pair<sender<T>, receiver<T>> channel() {
    auto& core = *new edo::detail::oneshot_core<T>;
    return {sender<T>(core), receiver<T>(core)};
}

}  // namespace edo::sync::oneshot
