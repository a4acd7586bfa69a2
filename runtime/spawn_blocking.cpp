#include <edo/runtime/spawn_blocking.h>

#include <string>

#include <edo/base/check.h>
#include <edo/runtime/blocking/thread_pool.h>
#include <edo/runtime/scheduler/core.h>

namespace edo::detail {

pool_access::pool_access(const pool_access& other) noexcept : pool_(other.pool_) {
    if (pool_ != nullptr) pool_->add_user();
}

void pool_access::leave() noexcept {
    pool_->release_user();
}

void pool_access::open(const execution& exec, std::source_location site) noexcept {
    pool_ = &core_of(exec, "a blocking call", site).pool();
    pool_->add_user();
}

bool pool_access::submit(blocking_job& job, bool may_refuse) noexcept {
    return pool_->submit(job, may_refuse);
}

bool pool_access::poll(blocking_job& job, context& cx) noexcept {
    return pool_->poll(job, cx);
}

void pool_access::abandon(blocking_job& job) noexcept {
    pool_->abandon(job);
}

blocking_pool_metrics pool_access::metrics() const {
    return pool_->metrics();
}

execution& execution_here(std::source_location site, const char* what) noexcept {
    if (execution* exec = current_execution(); exec != nullptr) return *exec;
    const std::string message =
        std::string(what) +
        " was called on a thread that runs no task of a runtime; call it from a task";
    fail(message.c_str(), site);
}

}  // namespace edo::detail
