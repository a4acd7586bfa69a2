#include <edo/runtime/blocking_pool.h>

#include <edo/base/check.h>
#include <edo/runtime/scheduler/core.h>
#include <edo/task/context.h>

namespace edo {
namespace {

detail::pool_access make_here(std::string_view name,
                              const blocking_pool_options& options,
                              std::source_location site) {
    const detail::execution* const exec = detail::current_execution();
    if (exec == nullptr)
        detail::fail(
            "a blocking_pool was made on a thread that runs no task of a runtime; make it in a "
            "task, or with runtime::blocking_pool()",
            site);
    return detail::pool_access(
        detail::core_of(*exec, "a blocking_pool", site).add_pool(name, options));
}

}  // namespace

blocking_pool::blocking_pool(std::string_view name,
                             const blocking_pool_options& options,
                             std::source_location site)
    : blocking_pool(make_here(name, options, site)) {}

}  // namespace edo
