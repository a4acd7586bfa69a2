#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include <edo/base/seam/atomic.h>
#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>
#include <edo/task/state/promise.h>

namespace edo::detail {

template <class A>
concept has_member_co_await = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <class A>
concept has_free_co_await = requires(A&& a) { operator co_await(std::forward<A>(a)); };
template <class A>
concept has_await_methods = requires(A& a) {
    a.await_ready();
    a.await_resume();
};
template <class A>
concept foreign_awaitable =
    has_member_co_await<A> || has_free_co_await<A> || has_await_methods<std::remove_reference_t<A>>;

/// A coroutine whose resumption wakes a task. Its handle is what a foreign awaitable gets to
/// resume, so that the task itself goes on where it belongs: on a worker, inside its own poll.
class relay {
public:
    struct promise_type {
        explicit promise_type() noexcept = default;

        static void* operator new(std::size_t size) { return allocate_frame(size); }

        static void operator delete(void* frame, std::size_t size) noexcept {
            free_frame(frame, size);
        }

        relay get_return_object() noexcept {
            return relay(std::coroutine_handle<promise_type>::from_promise(*this));
        }

        std::suspend_always initial_suspend() noexcept { return {}; }

        struct ending {
            bool await_ready() const noexcept { return false; }

            // Runs on the foreign thread, after the relay has suspended for good: from the moment
            // at which `resumed` is set the task may destroy it, so the waker is taken out first.
            void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
                waker taken = std::move(self.promise().target);
                self.promise().resumed.store(true, release);  // pairs with relay::is_resumed
                std::move(taken).wake();
            }

            void await_resume() const noexcept {}
        };

        ending final_suspend() noexcept { return {}; }

        void return_void() noexcept {}

        void unhandled_exception() noexcept {}

        waker target;
        atomic<bool> resumed{false};
    };

    static relay make();

    relay(relay&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

    relay& operator=(relay&&) = delete;

    ~relay() {
        if (handle_) handle_.destroy();
    }

    std::coroutine_handle<> handle() const noexcept { return handle_; }

    void set_target(waker target) noexcept { handle_.promise().target = std::move(target); }

    bool is_resumed() const noexcept {
        return handle_.promise().resumed.load(acquire);  // pairs with the store in `ending`
    }

private:
    explicit relay(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

/// Awaits what knows nothing of Edo.
///
/// What Edo needs of it: after the destructor of its awaiter has returned, it does not resume the
/// handle any more (a drop may come at any time); before, it resumes it at most once, from any
/// thread.
template <class A>
class foreign_awaiter : leaf {
public:
    foreign_awaiter(A&& awaitable, promise_base& waiting)
        : leaf{&kind_of, &waiting},
          relay_(relay::make()),
          awaiter_(get(std::forward<A>(awaitable))) {}

    foreign_awaiter(const foreign_awaiter&) = delete;
    foreign_awaiter& operator=(const foreign_awaiter&) = delete;

    // What is ready at once costs a unit of the task's budget, as any operation; without one the
    // line goes on at its next turn.
    bool await_ready() {
        is_ready_ = static_cast<bool>(awaiter_.await_ready());
        return is_ready_ && frame->line->charge();
    }

    bool await_suspend(std::coroutine_handle<>) {
        context& line = *frame->line;
        if (is_ready_) {
            line.suspend_at(*this);
            return true;
        }
        // The waker stays what it is for the whole wait: a branch keeps its slot while it lives,
        // and a stale wake is harmless.
        relay_.set_target(line.waker());
        using answer = decltype(awaiter_.await_suspend(relay_.handle()));
        if constexpr (std::is_void_v<answer>) {
            awaiter_.await_suspend(relay_.handle());
        } else if constexpr (std::is_same_v<answer, bool>) {
            is_ready_ = !awaiter_.await_suspend(relay_.handle());
            if (is_ready_ && line.charge()) return false;
        } else {
            awaiter_.await_suspend(relay_.handle()).resume();
        }
        line.suspend_at(*this);  // only now: what is above may throw, and a resumption only wakes
        return true;
    }

    decltype(auto) await_resume() { return awaiter_.await_resume(); }

private:
    static decltype(auto) get(A&& awaitable) {
        if constexpr (has_member_co_await<A>) {
            return std::forward<A>(awaitable).operator co_await();
        } else if constexpr (has_free_co_await<A>) {
            return operator co_await(std::forward<A>(awaitable));
        } else {
            if constexpr (!std::is_lvalue_reference_v<A> && std::is_move_constructible_v<A>) {
                return A(std::forward<A>(awaitable));  // by value, to end before the relay
            } else {
                return static_cast<A&&>(awaitable);
            }
        }
    }

    static std::coroutine_handle<> poll(leaf& self, context& cx) noexcept {
        auto& me = static_cast<foreign_awaiter&>(self);
        if (!me.is_ready_ && !me.relay_.is_resumed()) return {};
        return cx.charge() ? me.frame->handle() : std::coroutine_handle<>{};
    }

    static constexpr leaf_kind kind_of{&poll, nullptr, "foreign awaitable", nullptr};

    bool is_ready_ = false;  // without having been resumed
    relay relay_;            // outlives the awaiter: destroyed after it
    decltype(get(std::declval<A>())) awaiter_;
};

}  // namespace edo::detail
