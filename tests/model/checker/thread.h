#pragma once
// Threads in scenarios.

#include "engine.h"
#include <memory>
#include <utility>

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

/// Ends the run as failed unless `cond` holds. Instead of GoogleTest's macros, which neither know
/// the run nor end it.
inline void expect(bool cond, const char* what) noexcept {
    if (!cond) engine::get().fail(what);
}

}  // namespace edo_check
