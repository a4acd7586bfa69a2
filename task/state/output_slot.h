#pragma once

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

namespace edo::detail {

/// Holds what a coroutine returned or threw.
template <class T>
class output_slot {
public:
    output_slot() noexcept {}

    output_slot(const output_slot&) = delete;

    ~output_slot() { clear(); }

    template <class U>
    void set_value(U&& value) {
        ::new (&value_) stored(std::forward<U>(value));
        state_ = state::value;
    }

    void set_exception(std::exception_ptr exception) noexcept {
        clear();  // a destructor may throw after co_return has stored the value
        ::new (&exception_) std::exception_ptr(std::move(exception));
        state_ = state::exception;
    }

    bool has_value() const noexcept { return state_ == state::value; }

    bool has_exception() const noexcept { return state_ == state::exception; }

    bool is_empty() const noexcept { return state_ == state::empty; }

    /// Requires: has_value().
    T&& value() noexcept { return static_cast<T&&>(value_); }

    const T& value() const noexcept { return static_cast<const T&>(value_); }

    std::exception_ptr& exception() noexcept { return exception_; }

    const std::exception_ptr& exception() const noexcept { return exception_; }

    /// Takes the value out, or throws the exception; the slot is empty afterwards.
    T take() {
        if (state_ == state::exception) {
            std::exception_ptr thrown = std::move(exception_);
            clear();
            std::rethrow_exception(std::move(thrown));
        }
        T taken = static_cast<T&&>(value_);
        clear();
        return taken;
    }

    void clear() noexcept {
        if (state_ == state::value) value_.~stored();
        if (state_ == state::exception) exception_.~exception_ptr();
        state_ = state::empty;
    }

    void move_from(output_slot& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        if (other.state_ == state::value) set_value(std::move(other.value_));
        if (other.state_ == state::exception) set_exception(std::move(other.exception_));
    }

private:
    using stored = std::remove_cv_t<T>;
    enum class state : unsigned char { empty, value, exception };

    union {
        stored value_;
        std::exception_ptr exception_;
    };

    state state_ = state::empty;
};

template <>
class output_slot<void> {
public:
    output_slot() noexcept {}

    output_slot(const output_slot&) = delete;

    void set_value() noexcept { has_value_ = true; }

    void set_exception(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }

    bool has_value() const noexcept { return has_value_ && !exception_; }

    bool has_exception() const noexcept { return exception_ != nullptr; }

    bool is_empty() const noexcept { return !has_value_ && !exception_; }

    std::exception_ptr& exception() noexcept { return exception_; }

    const std::exception_ptr& exception() const noexcept { return exception_; }

    void take() {
        has_value_ = false;
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    }

    void clear() noexcept {
        exception_ = nullptr;
        has_value_ = false;
    }

    void move_from(output_slot& other) noexcept {
        has_value_ = other.has_value_;
        exception_ = std::move(other.exception_);
    }

private:
    std::exception_ptr exception_;
    bool has_value_ = false;
};

template <class T>
class output_slot<T&> {
public:
    output_slot() noexcept {}

    output_slot(const output_slot&) = delete;

    void set_value(T& value) noexcept { value_ = &value; }

    void set_exception(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }

    bool has_value() const noexcept { return value_ != nullptr && !exception_; }

    bool has_exception() const noexcept { return exception_ != nullptr; }

    bool is_empty() const noexcept { return value_ == nullptr && !exception_; }

    T& value() const noexcept { return *value_; }

    std::exception_ptr& exception() noexcept { return exception_; }

    const std::exception_ptr& exception() const noexcept { return exception_; }

    T& take() {
        T* const taken = std::exchange(value_, nullptr);
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
        return *taken;
    }

    void clear() noexcept {
        exception_ = nullptr;
        value_ = nullptr;
    }

    void move_from(output_slot& other) noexcept {
        value_ = other.value_;
        exception_ = std::move(other.exception_);
    }

private:
    T* value_ = nullptr;
    std::exception_ptr exception_;
};

}  // namespace edo::detail
