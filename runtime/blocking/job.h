#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/census.h>
#include <edo/task/frame/frame_pool.h>
#include <edo/task/spawn.h>
#include <edo/task/state/output_slot.h>
#include <edo/task/waker.h>

namespace edo::detail {

class thread_pool;

/// A call that a thread of the blocking pool makes, and its result.
///
/// `state`, `is_awaited`, `waiting` and the links belong to who holds the pool's lock; the callable
/// belongs to the pool's thread while the job is running, and the result to the operation once it
/// is done. Two references: the operation's and the pool's. So the operation may go at any time:
/// before the start the job is taken out of the queue, afterwards it runs to its end and its result
/// is destroyed by the pool's thread.
class blocking_job : public list_node {
public:
    enum class state_kind : std::uint8_t { fresh, queued, running, done, refused };

    explicit blocking_job(std::source_location site) noexcept : called_at(site) {
        EDO_CENSUS(operation, 1);
    }

    blocking_job(const blocking_job&) = delete;
    blocking_job& operator=(const blocking_job&) = delete;

    static void* operator new(std::size_t size) { return allocate_frame(size); }

    static void operator delete(void* memory, std::size_t size) noexcept {
        free_frame(memory, size);
    }

    void add_ref() noexcept { refs_.fetch_add(1, relaxed); }  // who adds one holds one

    void release_ref() noexcept {
        if (refs_.fetch_sub(1, acq_rel) == 1) delete this;  // the last one comes after the others
    }

    /// Makes the call and keeps what it returns or throws; destroys the callable and its arguments.
    virtual void run() noexcept = 0;

    state_kind state = state_kind::fresh;
    bool is_awaited = false;
    waker waiting;  ///< told when the job is done or refused, or else:
    void (*told)(void* to) noexcept =
        nullptr;  ///< called with the pool's lock held, so `to` still lives
    void* told_to = nullptr;
    std::error_code refusal;
    std::source_location called_at;

protected:
    virtual ~blocking_job() { EDO_CENSUS(operation, -1); }

private:
    atomic<std::uint32_t> refs_{1};
};

template <class R>
class blocking_job_for : public blocking_job {
public:
    using blocking_job::blocking_job;
    output_slot<R> output;
};

/// What calling `F` with `Args` on another thread yields.
template <class F, class... Args>
using blocking_result_t = std::remove_cv_t<decltype(call(std::declval<std::decay_t<F>>(),
                                                         std::declval<std::decay_t<Args>>()...))>;

template <class R, class F, class... Args>
class blocking_call final : public blocking_job_for<R> {
public:
    template <class G, class... Given>
    explicit blocking_call(std::source_location site, G&& fn, Given&&... args)
        : blocking_job_for<R>(site), call_(std::forward<G>(fn), std::forward<Given>(args)...) {}

    ~blocking_call() override {
        if (!called_) destroy_call();
    }

    void run() noexcept override {
        try {
            if constexpr (std::is_void_v<R>) {
                invoke();
                this->output.set_value();
            } else {
                this->output.set_value(invoke());
            }
        } catch (...) {
            this->output.set_exception(std::current_exception());
        }
        destroy_call();
        called_ = true;
    }

private:
    R invoke() {
        return std::apply(
            [](F& fn, Args&... args) -> R { return call(std::move(fn), std::move(args)...); },
            call_);
    }

    using stored_call = std::tuple<F, Args...>;

    void destroy_call() noexcept { call_.~stored_call(); }

    union {
        stored_call call_;  // destroyed as soon as it has run
    };

    bool called_ = false;
};

}  // namespace edo::detail
