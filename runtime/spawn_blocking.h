#pragma once

#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

#include <edo/base/error.h>
#include <edo/base/result.h>
#include <edo/runtime/blocking/job.h>
#include <edo/runtime/blocking_pool_metrics.h>
#include <edo/task/operation.h>
#include <edo/task/state/spawn_checks.h>

namespace edo {
namespace detail {

/// A user of a pool, counted, so that it may outlive the runtime; or of none yet.
class pool_access {
public:
    constexpr pool_access() noexcept {}

    /// Takes over a user that is counted already.
    explicit pool_access(thread_pool& of) noexcept : pool_(&of) {}

    pool_access(const pool_access& other) noexcept;

    pool_access(pool_access&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}

    pool_access& operator=(pool_access other) noexcept {
        std::swap(pool_, other.pool_);
        return *this;
    }

    constexpr ~pool_access() {
        if (pool_ != nullptr) leave();
    }

    bool is_open() const noexcept { return pool_ != nullptr; }

    /// The default pool of the runtime that runs `exec`, or a loud end.
    void open(const execution& exec, std::source_location site) noexcept;
    bool submit(blocking_job& job, bool may_refuse) noexcept;
    bool poll(blocking_job& job, context& cx) noexcept;
    void abandon(blocking_job& job) noexcept;
    blocking_pool_metrics metrics() const;

private:
    void leave() noexcept;

    thread_pool* pool_ = nullptr;
};

/// The execution of the calling thread, or a loud end with the cure.
execution& execution_here(std::source_location site, const char* what) noexcept;

}  // namespace detail

/// A call on a thread of a blocking pool; see spawn_blocking() and blocking_pool.
template <class R>
class [[nodiscard]] blocking_operation {
public:
    static constexpr const char* wait_name = "blocking call";

    // For the library. An open `to` is the pool to use; else it is that of the first poll.
    blocking_operation(detail::blocking_job_for<R>& owned, detail::pool_access to) noexcept
        : pool_(std::move(to)), job_(&owned) {}

    blocking_operation(blocking_operation&& other) noexcept
        : pool_(std::move(other.pool_)),
          is_submitted_(other.is_submitted_),
          job_(std::exchange(other.job_, nullptr)) {}

    blocking_operation& operator=(blocking_operation&&) = delete;

    ~blocking_operation() {
        if (job_ == nullptr) return;
        if (is_submitted_) pool_.abandon(*job_);
        job_->release_ref();
    }

    bool poll(context& cx) noexcept {
        if (!is_submitted_) {
            if (!pool_.is_open()) pool_.open(cx.execution(), job_->called_at);
            is_submitted_ = true;
            static_cast<void>(pool_.submit(*job_, false));  // never refused: it waits in line
        }
        return pool_.poll(*job_, cx);
    }

    R take() {
        if (job_->state == detail::blocking_job::state_kind::refused) {
            if constexpr (detail::is_result_v<R>) {
                return R(job_->refusal);
            } else {
                throw std::system_error(job_->refusal);
            }
        }
        return job_->output.take();
    }

    // For the library: submits now instead of at the first poll.
    bool try_submit() noexcept {
        is_submitted_ = true;
        if (pool_.submit(*job_, true)) return true;
        std::exchange(job_, nullptr)->release_ref();
        return false;
    }

private:
    detail::pool_access pool_;
    bool is_submitted_ = false;
    detail::blocking_job_for<R>* job_;
};

namespace detail {

/// A call keeps its arguments, and may go on when the task that made it is gone. The function may
/// take views all the same: of what is kept.
template <class... Args>
inline constexpr bool is_safe_to_keep_v = (!is_view_v<std::decay_t<Args>> && ...);

template <class F, class... Args>
auto make_blocking(pool_access to, std::source_location site, F&& fn, Args&&... args) {
    static_assert(is_safe_to_keep_v<Args...>,
                  "a blocking call must not keep a string_view or span: it goes on when the caller "
                  "has been dropped. Pass a std::string or std::vector, also where the function "
                  "takes a view, or std::ref(view) if what it shows outlives the call");
    using R = blocking_result_t<F, Args...>;
    using job = blocking_call<R, std::decay_t<F>, std::decay_t<Args>...>;
    return blocking_operation<R>(*new job(site, std::forward<F>(fn), std::forward<Args>(args)...),
                                 std::move(to));
}

template <class F, class... Args>
auto try_make_blocking(pool_access to, std::source_location site, F&& fn, Args&&... args) {
    if (!to.is_open()) to.open(execution_here(site, "edo::try_spawn_blocking"), site);
    auto made =
        make_blocking(std::move(to), site, std::forward<F>(fn), std::forward<Args>(args)...);
    using answer = result<decltype(made)>;
    if (!made.try_submit()) return answer(errc::queue_full);
    return answer(std::move(made));
}

/// What spawn_blocking(), try_spawn_blocking() and the two of a blocking_pool are: called like a
/// function, `(fn, args...)`. As an object it can be a variable of its namespace and a member of a
/// class, so that the parameters, which need to be spelled out, stand once.
template <bool IsTry>
class blocking_caller {
public:
    /// Calls in the default pool of the runtime that awaits the call, or tries it.
    constexpr blocking_caller() noexcept {}

    /// Calls in this pool.
    explicit blocking_caller(const pool_access& to) noexcept : pool_(to) {}

    // A move copies too: what was moved from would call in the default pool.
    blocking_caller(const blocking_caller&) noexcept = default;
    blocking_caller& operator=(const blocking_caller&) noexcept = default;

    template <class F,
              class A = not_given,
              class B = not_given,
              class C = not_given,
              class D = not_given,
              class E = not_given>
    auto operator()(F&& fn,
                    A&& a = A(),
                    B&& b = B(),
                    C&& c = C(),
                    D&& d = D(),
                    E&& e = E(),
                    std::source_location site = std::source_location::current()) const {
        return with_given(
            [this, site](auto&&... given) {
                if constexpr (IsTry) {
                    return try_make_blocking(pool_, site, std::forward<decltype(given)>(given)...);
                } else {
                    return make_blocking(pool_, site, std::forward<decltype(given)>(given)...);
                }
            },
            std::forward<F>(fn), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
            std::forward<D>(d), std::forward<E>(e));
    }

    template <class F, class A, class B, class C, class D, class E, class More, class... Others>
        requires(!std::is_same_v<std::remove_cvref_t<More>, std::source_location>)
    five_arguments_at_most operator()(F&&, A&&, B&&, C&&, D&&, E&&, More&&, Others&&...) const =
        delete;

    const pool_access& pool() const noexcept { return pool_; }

private:
    pool_access pool_;
};

}  // namespace detail

/// Calls `fn(args...)` on a thread where it may block, and yields what it returns; rethrows what it
/// throws.
///
///     std::string text = co_await edo::spawn_blocking(read_whole_file, path);
///
/// The callable and up to five arguments are moved (or copied) first, because the call may outlive
/// the caller; a string_view or span as argument does not compile unless it is wrapped in std::ref.
/// Calls start in the order of their first poll; when all threads are busy (at most as many as
/// runtime_builder::max_blocking_threads) the caller waits. Calls that wait for each other can use
/// up all threads: give what waits for a task to a task. So can calls to one slow dependency: give
/// it a blocking_pool of its own.
///
/// Errors:      std::bad_alloc at the call. If not even one thread can be started:
///              std::system_error with the reason, or that error if `fn` returns a result; the same
///              with errc::runtime_shutdown when the runtime ends before the call has begun.
/// Cancellation: before the call has begun it will never be; afterwards it goes on, and its result
///              is destroyed on its thread.
/// Cost:        one allocation and two hand-overs between threads.
inline constexpr detail::blocking_caller<false> spawn_blocking;

/// As spawn_blocking(), but begins at once and never waits for room.
///
///     auto begun = edo::try_spawn_blocking(compress, std::move(block));
///     if (!begun) co_return begun.error();         // errc::queue_full: shed the load
///     auto packed = co_await std::move(*begun);
///
/// Requires:    the calling thread runs a task.
/// Returns:     the operation to await, or errc::queue_full when more calls than
///              runtime_builder::blocking_queue wait already; the arguments are gone then.
inline constexpr detail::blocking_caller<true> try_spawn_blocking;

}  // namespace edo
