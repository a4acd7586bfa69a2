#include <edo/runtime/builder.h>

#include <charconv>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include <edo/base/storage/undying.h>
#include <edo/runtime/runtime.h>
#include <edo/runtime/scheduler/current_thread.h>
#include <edo/runtime/scheduler/multi_thread.h>
#include <edo/runtime/scheduler/usable_cores.h>

namespace edo {
namespace {

constexpr unsigned most_workers = 4096;

// What a message about a variable says first.
std::string value_of(const char* variable) {
    const char* const text = std::getenv(variable);
    return std::string("the environment variable ") + variable + " is \"" +
           (text != nullptr ? text : "") + '"';
}

class build_error_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "edo.build"; }

    std::string message(int code) const override {
        switch (static_cast<build_errc>(code)) {
            case build_errc::no_workers:
                return "worker_threads(0): a runtime needs at least one worker; leave it out for "
                       "the "
                       "number of usable cores, or build a current_thread_runtime for none";
            case build_errc::too_many_workers:
                return "worker_threads: more than 4096 workers; choose about as many as there are "
                       "cores";
            case build_errc::no_blocking_threads:
                return "max_blocking_threads(0), or max_threads(0) of a blocking_pool: no blocking "
                       "call could ever run; allow at least one";
            case build_errc::no_event_interval:
                return "event_interval(0): choose at least 1 poll between two looks at the sockets";
            case build_errc::bad_workers_variable:
                return value_of("EDO_WORKERS") + ", which is not a number from 1 to 4096";
            case build_errc::bad_reactor_variable:
                return value_of("EDO_REACTOR") +
                       ", which is none of automatic, io_uring, epoll, kqueue";
            case build_errc::bad_seed_variable:
                return value_of("EDO_SEED") +
                       ", which is not a number; messages name seeds as "
                       "decimal numbers";
            case build_errc::no_thread:
                return "a worker thread could not be started: the limit of threads is reached "
                       "(ulimit -u, "
                       "pids.max of the control group), or there is no memory for its stack";
            case build_errc::bad_stack_size:
                return "thread_stack_size: the system refuses stacks of this size; 64 KiB is "
                       "mostly the "
                       "least it accepts";
            case build_errc::no_memory:
                return "no memory for a runtime";
        }
        return "unknown error of the runtime builder";
    }
};

template <class Number>
bool parse_number(std::string_view text, Number& number) noexcept {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failed == std::errc{} && end == text.data() + text.size();
}

bool parse_reactor(std::string_view text, reactor_kind& kind) noexcept {
    for (const reactor_kind known : {reactor_kind::automatic, reactor_kind::io_uring,
                                     reactor_kind::epoll, reactor_kind::kqueue}) {
        if (text != name_of(known)) continue;
        kind = known;
        return true;
    }
    return false;
}

}  // namespace

result<std::uint64_t> detail::seed_of_environment() noexcept {
    std::uint64_t seed = 0;
    const char* const text = std::getenv("EDO_SEED");
    if (text != nullptr && !parse_number(text, seed)) return build_errc::bad_seed_variable;
    return seed;
}

const std::error_category& build_category() noexcept {
    return detail::undying<build_error_category>();
}

// Checks what was set, and fills in what was not.
std::error_code runtime_builder::complete() noexcept {
    if (config_.workers == 0) return build_errc::no_workers;
    if (config_.max_blocking_threads == 0) return build_errc::no_blocking_threads;
    if (config_.event_interval == 0) return build_errc::no_event_interval;
    if (!config_.reactor_is_set) {
        const char* const text = std::getenv("EDO_REACTOR");
        if (text != nullptr && !parse_reactor(text, config_.reactor))
            return build_errc::bad_reactor_variable;
    }
    if (config_.seed == 0) {
        const result<std::uint64_t> seed = detail::seed_of_environment();
        if (!seed) return seed.error();
        const auto now = detail::monotonic_clock::read().time_since_epoch().count();
        config_.seed = *seed != 0 ? *seed : static_cast<std::uint64_t>(now) | 1;
    }
    return {};
}

result<runtime> runtime_builder::build() {
    if (const std::error_code wrong = complete()) return wrong;
    if (config_.workers == detail::runtime_config::not_set) {
        if (const char* text = std::getenv("EDO_WORKERS"); text != nullptr) {
            if (!parse_number(text, config_.workers) || config_.workers == 0 ||
                config_.workers > most_workers)
                return build_errc::bad_workers_variable;
        } else {
            config_.workers = detail::default_worker_count();
        }
    }
    if (config_.workers > most_workers) return build_errc::too_many_workers;
    result<detail::multi_thread*> made = detail::multi_thread::create(config_);
    if (!made) return made.error();
    return runtime(**made);
}

result<current_thread_runtime> runtime_builder::build_current_thread() {
    if (const std::error_code wrong = complete()) return wrong;
    result<detail::current_thread*> made = detail::current_thread::create(config_);
    if (!made) return made.error();
    return current_thread_runtime(**made);
}

}  // namespace edo
