#include <edo/runtime/testing.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <edo/runtime/scheduler/current_thread.h>

namespace edo::testing {
namespace {

std::uint64_t seed_of_environment() noexcept {
    std::uint64_t seed = 0;
    if (const char* text = std::getenv("EDO_SEED"); text != nullptr) {
        const std::string_view digits = text;
        std::from_chars(digits.data(), digits.data() + digits.size(), seed);
    }
    return seed != 0 ? seed : 1;
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

paused_runtime::paused_runtime(std::source_location site)
    : paused_runtime(seed_of_environment(), site) {}

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

}  // namespace edo::testing
