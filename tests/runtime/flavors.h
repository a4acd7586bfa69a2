#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

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

/// The same for tests that ask no more of a runtime than what all kinds have in common. Compiled
/// once, and not once for each kind.
enum class flavor { current_thread, one_worker, four_workers };

class runtime_of_any_kind : public ::testing::TestWithParam<flavor> {
protected:
    using owner = std::unique_ptr<basic_runtime, void (*)(basic_runtime*)>;

    static owner make(runtime_builder builder = runtime::builder()) {
        if (!has_workers()) return own(builder.build_current_thread().value());
        builder.worker_threads(GetParam() == flavor::one_worker ? 1 : 4);
        return own(builder.build().value());
    }

    static bool has_workers() { return GetParam() != flavor::current_thread; }

private:
    template <class Runtime>
    static owner own(Runtime made) {
        return {new Runtime(std::move(made)),
                [](basic_runtime* ended) { delete static_cast<Runtime*>(ended); }};
    }
};

inline std::string name_of_flavor(const ::testing::TestParamInfo<flavor>& tested) {
    if (tested.param == flavor::current_thread) return "current_thread";
    return tested.param == flavor::one_worker ? "one_worker" : "four_workers";
}

}  // namespace edo::testing

/// Runs the tests of a suite, a class derived from runtime_of_any_kind, on every kind.
#define EDO_IN_ALL_RUNTIMES(suite)                                                                \
    INSTANTIATE_TEST_SUITE_P(                                                                     \
        in, suite,                                                                                \
        ::testing::Values(edo::testing::flavor::current_thread, edo::testing::flavor::one_worker, \
                          edo::testing::flavor::four_workers),                                    \
        &edo::testing::name_of_flavor)

/// A suite for TEST_P; its tests make() the runtime of their kind.
#define EDO_SUITE_FOR_ALL_RUNTIMES(suite)                      \
    class suite : public edo::testing::runtime_of_any_kind {}; \
    EDO_IN_ALL_RUNTIMES(suite)

#define EDO_TEST_ON_ALL_RUNTIMES(suite)      \
    template <class Flavor>                  \
    class suite : public ::testing::Test {}; \
    TYPED_TEST_SUITE(suite, edo::testing::all_runtimes, edo::testing::runtime_names)
