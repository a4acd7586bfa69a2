// What the production code keeps in variables of the thread, carried over from one thread of the
// model to the next.

#include <edo_check/engine.h>

#include <edo/task/context.h>

namespace {

edo::detail::execution* executions[edo_check::max_threads];

// Registers before any run; there is nothing to call it.
const bool is_registered = [] {
    edo_check::engine::get().on_change([](unsigned from, unsigned to) noexcept {
        if (from == to) {  // begins
            executions[to] = nullptr;
            if (to == 0) edo::detail::set_current_execution(nullptr);
            return;
        }
        executions[from] = edo::detail::current_execution();
        edo::detail::set_current_execution(executions[to]);
    });
    return true;
}();

}  // namespace
