#include <edo/runtime/runtime.h>

#include <system_error>
#include <utility>

#include <edo/base/check.h>
#include <edo/runtime/scheduler/core.h>
#include <edo/runtime/scheduler/current_thread.h>
#include <edo/runtime/scheduler/thread_waiter.h>

namespace edo {
namespace detail {

scheduler& scheduler_of(core* at, std::source_location site) noexcept {
    if (at == nullptr)
        fail("a runtime was used that was moved away; use the one that it was moved to", site);
    at->check_process(site);
    return at->place({}, site);
}

void check_block_on(core* at, std::source_location site) noexcept {
    static_cast<void>(scheduler_of(at, site));
    at->check_may_block("block_on", site);
}

void block_thread(core& at, bool (*poll)(void*, context&) noexcept, void* op) {
    thread_waiter waiter;
    while (!poll(op, waiter.line()))
        at.wait_for(waiter);
}

}  // namespace detail

edo::blocking_pool basic_runtime::blocking_pool(std::string_view name,
                                                const blocking_pool_options& options) {
    EDO_CHECK(core_ != nullptr, "blocking_pool() of a runtime that was moved away");
    core_->check_process(core_->config().built_at);
    return edo::blocking_pool(detail::pool_access(core_->add_pool(name, options)));
}

runtime_info basic_runtime::info() const {
    EDO_CHECK(core_ != nullptr, "info() of a runtime that was moved away");
    return core_->info();
}

runtime_metrics basic_runtime::metrics() const {
    EDO_CHECK(core_ != nullptr, "metrics() of a runtime that was moved away");
    return core_->metrics();
}

runtime_dump basic_runtime::dump() const {
    EDO_CHECK(core_ != nullptr, "dump() of a runtime that was moved away");
    return core_->dump();
}

shutdown_report basic_runtime::shutdown(duration limit) {
    EDO_CHECK(core_ != nullptr, "shutdown() of a runtime that was moved away");
    if (!core_->is_of_this_process()) return {};
    core_->end("shutdown()", limit);
    return core_->report();
}

void basic_runtime::end() noexcept {
    if (core_ == nullptr) return;
    detail::core* const ended = std::exchange(core_, nullptr);
    if (!ended->is_of_this_process()) return;  // the parent's to end
    ended->end("the destructor", duration::max());
    ended->release_ref();
}

void basic_runtime::replace(basic_runtime& other) noexcept {
    end();
    core_ = std::exchange(other.core_, nullptr);
}

namespace {

// Every core made by build_current_thread() is one.
detail::current_thread& current_thread_of(detail::core* at) noexcept {
    EDO_CHECK(at != nullptr, "a runtime was used that was moved away");
    return static_cast<detail::current_thread&>(*at);
}

}  // namespace

current_thread_runtime::current_thread_runtime(std::source_location site) {
    result<current_thread_runtime> built = runtime_builder(site).build_current_thread();
    if (!built) throw std::system_error(built.error());
    replace(*built);
}

std::size_t current_thread_runtime::poll_for(duration limit) {
    detail::current_thread& at = current_thread_of(core_);
    at.check_process(at.config().built_at);
    at.check_may_block("poll_for", at.config().built_at);
    return at.poll_for(limit);
}

}  // namespace edo
