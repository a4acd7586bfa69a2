#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>
#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>

namespace edo {

template <class T>
class task;

namespace detail {

class promise_base;

/// Who owns a started coroutine: the awaiter in the parent's frame, a branch of a select, or the
/// task's cell. Dropping a line destroys the coroutine first and clears `child`, so that the owner,
/// destroyed later, leaves it alone.
struct frame_owner {
    promise_base* child = nullptr;
    /// The owner is an or_return: an error of the child ends the parent too.
    bool propagates = false;
};

/// The owner of a coroutine that yields a result<U>: has room for an error that ended the coroutine
/// early, in place of a value.
struct result_owner : frame_owner {
    std::error_code early;
};

/// What all coroutines of the library have in common.
class promise_base {
public:
    /// the coroutine that awaits this one; null at the top of a line
    promise_base* parent = nullptr;
    frame_owner* owner = nullptr;
    context* line = nullptr;
    std::source_location site;  ///< the await at which it is suspended

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    // The promise lies at the same place in every frame because no promise is aligned beyond 16
    // bytes.
    std::coroutine_handle<> handle() noexcept {
        return std::coroutine_handle<promise_base>::from_promise(*this);
    }

    std::suspend_always initial_suspend() noexcept { return {}; }

    /// Ends this coroutine with `error` in place of its own result, as if by co_return but from
    /// within an await: destroys the frame with its locals, then says who goes on. Each owner that
    /// is an or_return ends its coroutine in the same way.
    /// Requires: the coroutine yields a result.
    static std::coroutine_handle<> end_early(promise_base& ended, std::error_code error) noexcept;
};

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

/// Ends a coroutine: says who goes on.
struct final_awaiter {
    final_awaiter() noexcept {}

    bool await_ready() const noexcept { return false; }

    void await_resume() const noexcept {}

    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
        Promise& p = ended.promise();
        if constexpr (Promise::yields_result) {
            if (p.owner->propagates && p.output.has_value()) {
                if (const std::error_code error = p.output.value().error())
                    return promise_base::end_early(p, error);
            }
        }
        if (p.parent == nullptr) return p.line->finish();
        return p.line->transfer(*p.parent);
    }
};

template <class T>
class promise;

template <class T>
class promise_common;

/// What `co_await x` means for each kind of x; see await.h.
template <class A, class T>
decltype(auto) make_awaiter(promise_common<T>& waiting, A&& awaitable);

template <class T>
class promise_common : public promise_base {
public:
    static constexpr bool yields_result = is_result_v<T>;

    final_awaiter final_suspend() noexcept { return final_awaiter{}; }

    void unhandled_exception() noexcept { output.set_exception(std::current_exception()); }

    template <class A>
    decltype(auto) await_transform(A&& awaitable,
                                   std::source_location at = std::source_location::current()) {
        site = at;
        return make_awaiter<A, T>(*this, std::forward<A>(awaitable));
    }

    output_slot<T> output;
};

template <class T>
class promise final : public promise_common<T> {
    static_assert(alignof(T) <= 16,
                  "a task cannot yield an over-aligned type; yield a unique_ptr to it");

public:
    task<T> get_return_object() noexcept;

    void return_value(T value) noexcept(std::is_nothrow_move_constructible_v<T>) {
        this->output.set_value(std::move(value));
    }
};

template <class T>
class promise<T&> final : public promise_common<T&> {
public:
    task<T&> get_return_object() noexcept;

    void return_value(T& value) noexcept { this->output.set_value(value); }
};

template <>
class promise<void> final : public promise_common<void> {
public:
    task<void> get_return_object() noexcept;

    void return_void() noexcept { output.set_value(); }
};

}  // namespace detail
}  // namespace edo
