#pragma once
// Threads in scenarios.

#include "engine.h"
#include <system_error>

namespace edo_check {

/// A thread of the model that runs `body`. Joined by join(), which must be called.
class model_thread {
public:
    template <class F>
    explicit model_thread(F& body) noexcept
        : number_(engine::get().start([](void* f) { (*static_cast<F*>(f))(); }, &body)) {}

    void join() noexcept { engine::get().join(number_); }

private:
    unsigned number_;
};

namespace detail {

inline void run_threads() noexcept {}

template <class F, class... Others>
void run_threads(F& first, Others&... others) noexcept {
    model_thread t(first);
    run_threads(others...);
    t.join();
}

}  // namespace detail

/// Runs each of `bodies` on a thread of its own and waits for all.
template <class... F>
void run_threads(F... bodies) noexcept {
    detail::run_threads(bodies...);
}

/// While it lives every thread goes on until it waits, and nothing is chosen; it ends when nobody
/// else can go on. For what leads up to the situation that a scenario is about, or away from it,
/// and is the subject of other scenarios. Runs that are drawn at random know no calm. Of the
/// scenario's own thread.
class [[nodiscard]] calm {
public:
    /// `wanted`: false makes it do nothing.
    explicit calm(bool wanted = true) noexcept : is_on_(wanted) {
        if (is_on_) engine::get().begin_calm();
    }

    calm(const calm&) = delete;
    calm& operator=(const calm&) = delete;

    ~calm() {
        if (is_on_) engine::get().end_calm();
    }

private:
    const bool is_on_;
};

/// The seam's thread: as base/seam/thread.h. Starting one fails when the scenario has said so.
class thread {
public:
    thread() noexcept = default;
    thread(const thread&) = delete;
    thread& operator=(const thread&) = delete;

    template <class Options>
    std::error_code start(const Options&,
                          void (*body)(void* argument) noexcept,
                          void* argument) noexcept {
        if (engine::get().is_start_refused())
            return std::make_error_code(std::errc::resource_unavailable_try_again);
        number_ = engine::get().start(body, argument);
        is_joinable_ = true;
        return {};
    }

    bool is_joinable() const noexcept { return is_joinable_; }

    void join() noexcept {
        engine::get().join(number_);
        is_joinable_ = false;
    }

    void detach() noexcept { is_joinable_ = false; }

private:
    unsigned number_ = 0;
    bool is_joinable_ = false;
};

/// The next `count` starts of threads by the seam's thread fail, as for want of memory.
inline void refuse_starts(unsigned count) noexcept {
    engine::get().refuse_starts(count);
}

/// Something whose address differs between threads.
inline const void* this_thread_mark() noexcept {
    static constexpr char marks[max_threads] = {};
    return &marks[engine::get().current()];
}

/// Ends the run as failed unless `cond` holds. Instead of GoogleTest's macros, which neither know
/// the run nor end it.
inline void expect(bool cond, const char* what) noexcept {
    if (!cond) engine::get().fail(what);
}

}  // namespace edo_check
