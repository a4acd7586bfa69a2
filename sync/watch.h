#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/sync/send_result.h>
#include <edo/sync/store/watch_core.h>
#include <edo/sync/wait/closed_wait.h>
#include <edo/task/context.h>

/// A value that one task changes and others follow; only the latest one counts.
namespace edo::sync::watch {

template <class T>
class sender;
template <class T>
class receiver;
template <class T>
std::pair<sender<T>, receiver<T>> channel(T initial);

/// The value as it was at one moment. Holds no lock: it may be kept as long as one likes, also
/// across co_await, and does not hinder the sender.
template <class T>
class [[nodiscard]] snapshot {
public:
    explicit snapshot(edo::detail::shared_value<T> value) noexcept : value_(std::move(value)) {}

    snapshot(const snapshot& other) noexcept : value_(other.value_) {}

    snapshot& operator=(const snapshot& other) noexcept {
        value_ = other.value_;
        return *this;
    }

    const T& operator*() const noexcept { return *value_; }

    const T* operator->() const noexcept { return &*value_; }

private:
    edo::detail::shared_value<T> value_;
};

/// Waits for a change; see receiver::changed().
template <class T>
class [[nodiscard]] changed_operation {
public:
    static constexpr const char* wait_name = "watch changed";

    changed_operation(edo::detail::watch_core<T>& core, std::uint64_t& seen) noexcept
        : core_(core), seen_(seen) {}

    changed_operation(changed_operation&& other) noexcept = default;

    ~changed_operation() {
        if (node_.is_known()) core_.abandon_changed(node_);
    }

    bool poll(context& cx) noexcept {
        answer_ = core_.poll_changed(node_, seen_, cx);
        return answer_.has_value();
    }

    result<void> take() noexcept {
        if (!answer_->is_new) return errc::closed;
        seen_ = answer_->version;
        return {};
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    edo::detail::watch_core<T>& core_;
    std::uint64_t& seen_;
    edo::detail::wait_node node_;
    std::optional<edo::detail::watch_answer> answer_;
};

/// Waits for a value that fits; see receiver::wait_for().
template <class T, class Predicate>
class [[nodiscard]] wait_for_operation {
public:
    static constexpr const char* wait_name = "watch wait_for";

    wait_for_operation(edo::detail::watch_core<T>& core, std::uint64_t& seen, Predicate fits)
        : core_(core), seen_(seen), fits_(std::move(fits)) {}

    wait_for_operation(wait_for_operation&& other)
        : core_(other.core_),
          seen_(other.seen_),
          fits_(std::move(other.fits_)),
          node_(std::move(other.node_)) {}

    ~wait_for_operation() {
        if (node_.is_known()) core_.abandon_changed(node_);
    }

    bool poll(context& cx) noexcept {
        if (is_done_) return true;
        for (;;) {
            // The value is looked at without the lock: the predicate is the user's code.
            auto [value, version] = core_.current();
            looked_at_ = version;
            value_ = std::move(value);
            if (fits()) return is_done_ = true;
            const auto answer = core_.poll_changed(node_, looked_at_, cx);
            value_ = {};
            if (!answer) return false;
            if (!answer->is_new) return is_done_ = true;
        }
    }

    result<snapshot<T>> take() {
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
        if (!value_) return errc::closed;
        seen_ = looked_at_;
        return snapshot<T>(std::move(value_));
    }

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    bool fits() noexcept {
        try {
            return static_cast<bool>(fits_(*value_));
        } catch (...) {
            exception_ = std::current_exception();
            return true;
        }
    }

    edo::detail::watch_core<T>& core_;
    std::uint64_t& seen_;
    Predicate fits_;
    edo::detail::wait_node node_;
    std::uint64_t looked_at_ = 0;
    edo::detail::shared_value<T> value_;
    std::exception_ptr exception_;
    bool is_done_ = false;
};

/// Waits until the last receiver is gone; see sender::closed().
template <class T>
using closed_operation = edo::detail::closed_wait<edo::detail::watch_core<T>>;

/// Changes the value. Destroying it ends the channel; receivers keep the last value.
///
/// Thread-safe: no; it belongs to one task at a time and may move between threads.
template <class T>
class [[nodiscard]] sender {
public:
    sender(sender&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    sender& operator=(sender&& other) noexcept {
        sender taken(std::move(other));
        std::swap(core_, taken.core_);
        return *this;
    }

    ~sender() {
        if (core_ != nullptr) core_->drop_sender();
    }

    /// Replaces the value and wakes who waits for a change. Throws what moving a T throws, and
    /// std::bad_alloc; then the value is as it was.
    /// Errors: errc::closed  nobody receives; the new value comes back in the result
    send_result<T> send(T value) {
        if (core().receiver_count() == 0) return send_result<T>(errc::closed, std::move(value));
        publish(std::move(value));
        return {};
    }

    /// Replaces the value even if nobody receives. Returns: the value before. Throws as send().
    snapshot<T> send_replace(T value) { return snapshot<T>(publish(std::move(value))); }

    /// Changes a copy of the value and publishes it. If `change` throws the value is as it was.
    template <class F>
    void send_modify(F&& change) {
        T next(*core().current().value);
        std::forward<F>(change)(next);
        publish(std::move(next));
    }

    /// As send_modify(), but publishes only when `change` returns true. Returns: whether it did.
    template <class F>
    bool send_if_modified(F&& change) {
        T next(*core().current().value);
        if (!std::forward<F>(change)(next)) return false;
        publish(std::move(next));
        return true;
    }

    /// The value as it is.
    snapshot<T> borrow() const noexcept { return snapshot<T>(core().current().value); }

    /// A further receiver, which has seen the present value.
    receiver<T> subscribe() noexcept;

    /// How many receive now, as a picture.
    std::size_t receiver_count() const noexcept { return core().receiver_count(); }

    /// Waits until there is no receiver.
    /// Requires:     the sender outlives the wait.
    /// Cancellation: loses nothing.
    closed_operation<T> closed() noexcept { return closed_operation<T>(core()); }

    /// True when there is no receiver; subscribe() makes a new one.
    bool is_closed() const noexcept { return receiver_count() == 0; }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(T);

    explicit sender(edo::detail::watch_core<T>& core) noexcept : core_(&core) {}

    edo::detail::watch_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a watch sender was used after it was moved away");
        return *core_;
    }

    edo::detail::shared_value<T> publish(T&& value) {
        return core().publish(edo::detail::shared_value<T>(std::in_place, std::move(value)));
    }

    edo::detail::watch_core<T>* core_;
};

/// Follows the value. A copy is a receiver of its own that has seen what the original has.
///
/// Thread-safe: no; each receiver belongs to one task at a time and may move between threads.
template <class T>
class [[nodiscard]] receiver {
public:
    receiver(const receiver& other) noexcept : core_(other.core_), seen_(other.seen_) {
        if (core_ != nullptr) core_->add_receiver();
    }

    receiver(receiver&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), seen_(other.seen_) {}

    receiver& operator=(receiver other) noexcept {
        std::swap(core_, other.core_);
        std::swap(seen_, other.seen_);
        return *this;
    }

    ~receiver() {
        if (core_ != nullptr) core_->drop_receiver();
    }

    /// The value as it is; it does not count as seen.
    snapshot<T> borrow() const noexcept { return snapshot<T>(core().current().value); }

    /// The value as it is; changed() waits for the next one.
    snapshot<T> borrow_and_update() noexcept {
        auto now = core().current();
        seen_ = now.version;
        return snapshot<T>(std::move(now.value));
    }

    /// Errors: errc::closed  the sender is gone and the last value was seen
    result<bool> has_changed() const noexcept {
        const auto answer = core().look(seen_);
        if (!answer) return false;
        if (!answer->is_new) return errc::closed;
        return true;
    }

    /// Waits for a value that was not seen yet, and counts it as seen. Several changes count as
    /// one.
    ///
    /// Requires:     the receiver outlives the wait and stays where it is.
    /// Errors:       errc::closed  the sender is gone and the last value was seen
    /// Cancellation: loses nothing.
    changed_operation<T> changed() noexcept { return changed_operation<T>(core(), seen_); }

    /// Waits until `fits(value)` is true, and counts that value as seen. May finish at once. A
    /// value that is replaced quickly may not be looked at. Rethrows what `fits` throws.
    ///
    /// Requires:     the receiver outlives the wait and stays where it is; `fits` does not wait.
    /// Errors:       errc::closed  the sender is gone and the last value does not fit
    /// Cancellation: loses nothing.
    template <class Predicate>
    auto wait_for(Predicate&& fits) {
        return wait_for_operation<T, std::decay_t<Predicate>>(core(), seen_,
                                                              std::forward<Predicate>(fits));
    }

    /// True when both follow the same value.
    bool same_channel(const receiver& other) const noexcept { return core_ == other.core_; }

private:
    friend std::pair<sender<T>, receiver<T>> channel<T>(T);
    friend sender<T>;

    receiver(edo::detail::watch_core<T>& core, std::uint64_t seen) noexcept
        : core_(&core), seen_(seen) {}

    edo::detail::watch_core<T>& core() const noexcept {
        EDO_CHECK(core_ != nullptr, "a watch receiver was used after it was moved away");
        return *core_;
    }

    edo::detail::watch_core<T>* core_;
    std::uint64_t seen_;
};

template <class T>
receiver<T> sender<T>::subscribe() noexcept {
    core().add_receiver();
    return receiver<T>(core(), core().current().version);
}

/// Makes a channel that holds one value: configuration, a state, progress.
///
///     auto [tx, rx] = edo::sync::watch::channel(config{});
///     co_await edo::or_return(rx.changed());
///     apply(*rx.borrow());
///
/// The receiver has seen `initial`. The ends may be in different tasks, threads and runtimes.
/// Cost: one allocation for each value.
template <class T>
std::pair<sender<T>, receiver<T>> channel(T initial) {
    edo::detail::shared_value<T> first(std::in_place, std::move(initial));
    auto& core = *new edo::detail::watch_core<T>(std::move(first));
    return {sender<T>(core), receiver<T>(core, 0)};
}

}  // namespace edo::sync::watch
