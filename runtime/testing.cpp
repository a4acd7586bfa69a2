#include <edo/runtime/testing.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <edo/base/clock.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/futex.h>
#include <edo/base/seam/thread.h>
#include <edo/runtime/scheduler/current_thread.h>

namespace edo::testing {
namespace {

// Throws when the variable is no number: a schedule that is not the wanted one would go unnoticed.
std::uint64_t chosen_seed() {
    const std::uint64_t seed = edo::detail::seed_of_environment().value();
    return seed != 0 ? seed : 1;
}

constexpr std::uint64_t default_limit_seconds = 60;

// Throws when the variable is no number.
std::uint64_t limit_seconds() {
    const char* const text = std::getenv("EDO_TEST_LIMIT");
    if (text == nullptr) return default_limit_seconds;
    const std::string_view digits = text;
    std::uint64_t seconds = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    constexpr std::uint64_t most = 1'000'000'000;  // far from what an instant can hold
    if (failed != std::errc{} || seconds > most || end != digits.data() + digits.size())
        throw std::invalid_argument("the environment variable EDO_TEST_LIMIT is \"" +
                                    std::string(text) +
                                    "\", which is not a number of seconds (0: no limit)");
    return seconds;
}

edo::detail::core& make(std::uint64_t seed, std::source_location site) {
    edo::detail::runtime_config config;
    config.built_at = site;
    config.name = "paused";
    config.seed = seed;
    config.paused = true;
    result<edo::detail::current_thread*> made =
        edo::detail::current_thread::create(std::move(config));
    if (!made) throw std::system_error(made.error());
    return **made;
}

}  // namespace

paused_runtime::paused_runtime(std::source_location site) : paused_runtime(chosen_seed(), site) {}

paused_runtime::paused_runtime(std::uint64_t seed, std::source_location site)
    : basic_runtime(make(seed, site)),
      begin_(static_cast<const edo::detail::current_thread*>(core_)->time()) {}

duration paused_runtime::elapsed() const noexcept {
    return static_cast<const edo::detail::current_thread*>(core_)->time() - begin_;
}

std::uint64_t paused_runtime::seed() const noexcept {
    return core_->config().seed;
}

std::size_t paused_runtime::poll_for(duration limit) {
    return static_cast<edo::detail::current_thread*>(core_)->poll_for(limit);
}

void paused_runtime::check_no_task_left() const {
    if (core_->tasks.have_all_ended()) return;
    throw std::logic_error("a task was left running at the end of the test\n" + dump().to_string());
}

void detail::print_seed(const paused_runtime& rt) noexcept {
    std::fprintf(stderr, "edo: this run had the seed %llu; EDO_SEED=%llu repeats it\n",
                 static_cast<unsigned long long>(rt.seed()),
                 static_cast<unsigned long long>(rt.seed()));
}

class detail::watchdog::watch {
public:
    watch(const paused_runtime& rt, std::uint64_t seconds) : rt_(rt), seconds_(seconds) {
        // Without a thread there is no limit; the test itself goes on.
        static_cast<void>(thread_.start({.name = "edo-test-limit"}, &run, this));
    }

    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

    ~watch() {
        if (!thread_.is_joinable()) return;
        has_ended_.store(1, edo::detail::relaxed);  // tells nothing but itself
        edo::detail::futex_wake(has_ended_, 1);
        thread_.join();
    }

private:
    static void run(void* self) noexcept { static_cast<watch*>(self)->wait(); }

    void wait() noexcept {
        const instant end =
            saturating_add(edo::detail::monotonic_clock::read(), std::chrono::seconds(seconds_));
        while (has_ended_.load(edo::detail::relaxed) == 0) {  // as above
            const duration left = end - edo::detail::monotonic_clock::read();
            if (left <= duration::zero()) give_up();
            edo::detail::futex_wait(has_ended_, 0, left);
        }
    }

    [[noreturn]] void give_up() noexcept {
        std::fprintf(stderr,
                     "edo: the test has not ended within %llu s of real time (EDO_TEST_LIMIT says "
                     "how many; 0: no limit). What its tasks wait for:\n%s\n",
                     static_cast<unsigned long long>(seconds_), rt_.dump().to_string().c_str());
        print_seed(rt_);
        std::fflush(stderr);
        std::abort();
    }

    const paused_runtime& rt_;
    std::uint64_t seconds_;
    edo::detail::atomic<std::uint32_t> has_ended_{0};
    edo::detail::thread thread_;
};

detail::watchdog::watchdog(const paused_runtime& rt) {
    if (const std::uint64_t seconds = limit_seconds(); seconds != 0)
        watch_ = new watch(rt, seconds);
}

detail::watchdog::~watchdog() {
    delete watch_;
}

}  // namespace edo::testing
