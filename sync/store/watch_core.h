#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <edo/base/seam/mutex.h>
#include <edo/sync/store/shared_value.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>

namespace edo::detail {

/// What a look at a watch channel found: a version that was not seen, or that none can come any
/// more.
struct watch_answer {
    bool is_new;
    std::uint64_t version;
};

/// What the ends of a watch channel share. Freed by the end that goes last. Values are made,
/// copied, looked at and destroyed outside of the mutex; it protects which one is the latest.
template <class T>
class watch_core {
public:
    static constexpr const char* closed_name = "watch closed";

    explicit watch_core(shared_value<T> first) noexcept : value_(std::move(first)) {}

    struct latest {
        shared_value<T> value;
        std::uint64_t version;
    };

    latest current() const noexcept {
        mutex_lock held(mutex_);
        return {value_, version_};
    }

    /// Returns: the value before.
    shared_value<T> publish(shared_value<T> next) noexcept {
        wake_batch woken;
        mutex_lock held(mutex_);
        value_.swap(next);
        ++version_;
        changing_.fire_all(woken);
        return next;
    }

    void drop_sender() noexcept {
        wake_batch woken;
        mutex_lock held(mutex_);
        has_sender_ = false;
        changing_.fire_all(woken);
        free_if_last(held);
    }

    std::optional<watch_answer> look(std::uint64_t seen) const noexcept {
        mutex_lock held(mutex_);
        return look_locked(seen);
    }

    std::optional<watch_answer> poll_changed(wait_node& node,
                                             std::uint64_t seen,
                                             const context& cx) noexcept {
        mutex_lock held(mutex_);
        const auto found = look_locked(seen);
        changing_.poll(node, cx, found.has_value());
        return found;
    }

    void abandon_changed(wait_node& node) noexcept {
        mutex_lock held(mutex_);
        changing_.forget(node);
    }

    void add_receiver() noexcept {
        mutex_lock held(mutex_);
        ++receivers_;
    }

    void drop_receiver() noexcept {
        wake_batch woken;
        mutex_lock held(mutex_);
        if (--receivers_ == 0) closing_.fire_all(woken);
        free_if_last(held);
    }

    std::size_t receiver_count() const noexcept {
        mutex_lock held(mutex_);
        return receivers_;
    }

    bool poll_closed(wait_node& node, const context& cx) noexcept {
        mutex_lock held(mutex_);
        return closing_.poll(node, cx, receivers_ == 0);
    }

    void abandon_closed(wait_node& node) noexcept {
        mutex_lock held(mutex_);
        closing_.forget(node);
    }

private:
    std::optional<watch_answer> look_locked(std::uint64_t seen) const noexcept {
        if (version_ != seen) return watch_answer{true, version_};
        if (!has_sender_) return watch_answer{false, version_};
        return std::nullopt;
    }

    void free_if_last(mutex_lock& held) noexcept {
        const bool is_last = !has_sender_ && receivers_ == 0;
        held.unlock();
        if (is_last) delete this;
    }

    mutable mutex mutex_;
    bool has_sender_ = true;
    std::size_t receivers_ = 1;
    std::uint64_t version_ = 0;
    shared_value<T> value_;
    wait_list changing_;
    wait_list closing_;
};

}  // namespace edo::detail
