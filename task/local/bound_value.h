#pragma once

#include <type_traits>
#include <utility>

#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>

namespace edo::detail {

/// A value that a task_local has for what is being polled: one link of the chain in execution,
/// innermost first. The chain is put up around each poll and taken down after it, so it belongs to
/// the thread that polls.
class bound_value {
public:
    bound_value(const bound_value&) = delete;
    bound_value& operator=(const bound_value&) = delete;
    virtual ~bound_value() = default;

    /// A copy for a task that is spawned here; null if the key does not pass to those.
    virtual bound_value* copy_for_spawn() const = 0;

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    const void* key() const noexcept { return key_; }

    bound_value* outer = nullptr;  ///< while linked
    bound_value* next = nullptr;   ///< in spawned_locals

protected:
    explicit bound_value(const void* key) noexcept : key_(key) {}

private:
    const void* key_;
};

template <class T>
class value_bound_to final : public bound_value {
public:
    value_bound_to(const void* key, bool passes_to_spawned, T bound)
        : bound_value(key), value(std::move(bound)), passes_to_spawned_(passes_to_spawned) {}

    value_bound_to(value_bound_to&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
        : value_bound_to(other.key(), other.passes_to_spawned_, std::move(other.value)) {}

    bound_value* copy_for_spawn() const override {
        if constexpr (std::is_copy_constructible_v<T>) {
            if (passes_to_spawned_) return new value_bound_to(this->key(), true, value);
        }
        return nullptr;
    }

    /// Puts it in front of the chain. Returns: the chain from here on.
    bound_value* link(bound_value* chain) noexcept {
        this->outer = chain;
        return this;
    }

    T value;

private:
    bool passes_to_spawned_;
};

/// The values that a spawned task has got from the one that spawned it.
class spawned_locals {
public:
    /// Copies what passes on, the innermost of each key.
    explicit spawned_locals(const bound_value* chain);

    spawned_locals(spawned_locals&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)) {}

    spawned_locals& operator=(spawned_locals&&) = delete;
    ~spawned_locals();

    bool is_empty() const noexcept { return first_ == nullptr; }

    bound_value* link(bound_value* chain) noexcept;

private:
    void clear() noexcept;
    const bound_value* find(const void* key) const noexcept;

    bound_value* first_ = nullptr;
};

/// The chain of the calling thread; null outside of any scope.
bound_value* locals_here() noexcept;

/// Has a chain for a part of a poll, or for the destruction of what had it.
class locals_in_force {
public:
    template <class Locals>
    locals_in_force(execution* exec, Locals& locals) noexcept
        : exec_(exec), outer_(exec != nullptr ? exec->locals : nullptr) {
        if (exec_ != nullptr) exec_->locals = locals.link(outer_);
    }

    locals_in_force(const locals_in_force&) = delete;
    locals_in_force& operator=(const locals_in_force&) = delete;

    ~locals_in_force() {
        if (exec_ != nullptr) exec_->locals = outer_;
    }

private:
    execution* exec_;
    bound_value* outer_;
};

}  // namespace edo::detail
