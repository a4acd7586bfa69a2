#include <edo/timer/wheel/gate.h>

#include <edo/base/seam/fork.h>

namespace edo::detail {
namespace {

// Never destroyed, like the gates: runtimes may end as late as static destructors.
constinit mutex free_gates_lock;
constinit wheel_gate* free_gates = nullptr;

// A forked process may have runtimes of its own, and ends those that it has inherited. Registered
// when the library is loaded, for the reasons at the depots of frames.
[[maybe_unused]] const bool is_safe_to_fork = call_around_fork(
    []() noexcept { free_gates_lock.lock(); }, []() noexcept { free_gates_lock.unlock(); });

}  // namespace

wheel_gate& wheel_gate::acquire() {
    {
        mutex_lock guard(free_gates_lock);
        if (wheel_gate* gate = free_gates) {
            free_gates = gate->next_free;
            return *gate;
        }
    }
    return *new wheel_gate;
}

void wheel_gate::retire() noexcept {
    mutex_lock guard(free_gates_lock);
    next_free = free_gates;
    free_gates = this;
}

}  // namespace edo::detail
