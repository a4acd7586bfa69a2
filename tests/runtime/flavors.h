#pragma once

#include <gtest/gtest.h>

#include <edo/runtime/runtime.h>

namespace edo::testing {

/// The three kinds of runtime that must behave alike. A suite made with EDO_TEST_ON_ALL_RUNTIMES
/// runs each of its tests on every kind.
struct on_current_thread {
    static current_thread_runtime make() { return current_thread_runtime(); }

    static constexpr bool has_workers = false;
};

struct on_one_worker {
    static runtime make() { return runtime::builder().worker_threads(1).build().value(); }

    static constexpr bool has_workers = true;
};

struct on_four_workers {
    static runtime make() { return runtime::builder().worker_threads(4).build().value(); }

    static constexpr bool has_workers = true;
};

using all_runtimes = ::testing::Types<on_current_thread, on_one_worker, on_four_workers>;

class runtime_names {
public:
    template <class T>
    static std::string GetName(int) {
        if (std::is_same_v<T, on_current_thread>) return "current_thread";
        return std::is_same_v<T, on_one_worker> ? "one_worker" : "four_workers";
    }
};

}  // namespace edo::testing

#define EDO_TEST_ON_ALL_RUNTIMES(suite)      \
    template <class Flavor>                  \
    class suite : public ::testing::Test {}; \
    TYPED_TEST_SUITE(suite, edo::testing::all_runtimes, edo::testing::runtime_names)
