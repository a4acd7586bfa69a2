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
#include <edo/task/state/output_slot.h>

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
