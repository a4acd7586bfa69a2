#include <edo/timer/wheel/gate.h>

#include <new>

#include <edo/base/check.h>

namespace edo::detail {
namespace {

// Never destroyed, like the gates: runtimes may end as late as static destructors.
constinit mutex free_gates_lock;
constinit wheel_gate* free_gates = nullptr;

}  // namespace

wheel_gate& wheel_gate::acquire() noexcept {
    {
        mutex_lock guard(free_gates_lock);
        if (wheel_gate* gate = free_gates) {
            free_gates = gate->next_free;
            return *gate;
        }
    }
    auto* gate = new (std::nothrow) wheel_gate;
    EDO_CHECK(gate != nullptr, "no memory for the timers of a worker");
    return *gate;
}

void wheel_gate::retire() noexcept {
    mutex_lock guard(free_gates_lock);
    next_free = free_gates;
    free_gates = this;
}

}  // namespace edo::detail
