#pragma once

#include <cstdint>

#include <edo/base/check.h>
#include <edo/base/clock.h>
#include <edo/base/intrusive_list.h>
#include <edo/task/waker.h>

namespace edo::detail {

class timer_wheel;
struct wheel_gate;

// timer_entry: one deadline of one waiting operation. It lives in the operation and so in a
// coroutine's frame; the wheel links it and never copies it.
//
//              arm                 advance: due
//   idle ───────────────► armed ─────────────────► fired ─────┐
//    ▲ ▲                   │ │  shutdown                      │
//    │ └──── cancel ───────┘ └───────────────────► abandoned ─┤
//    └───────────────────── cancel, check, reset ─────────────┘
//
// Who owns what. `gate_` belongs to the operation: it is set while some wheel may know the entry,
// that is in every state but idle. Everything else is protected by the gate's lock while `gate_` is
// set, and belongs to the operation otherwise; the operation may read `deadline_` at any time,
// because only its own calls write it.
//
// Wakes are borrowed: the wheel wakes `target_` under the lock, right when it makes the entry fired
// or abandoned. The task's cell is alive then, because the entry cannot go back to idle, and so the
// operation cannot go away, without the same lock.
//
// Dropped at any moment: cancel() takes the lock of the gate, which outlives the wheel (see
// gate.h), and unlinks the entry if it is armed. Tests: tests/timer/wheel_test.cpp,
// tests/timer/wheel_race_test.cpp.
class timer_entry : public list_node {
public:
    timer_entry() noexcept = default;

    explicit timer_entry(instant deadline) noexcept : deadline_(deadline) {}

    timer_entry(const timer_entry&) = delete;
    timer_entry& operator=(const timer_entry&) = delete;

    ~timer_entry() { EDO_ASSERT(!is_known()); }

    /// True while a wheel may know the entry: from arm() until cancel(), or the check() or reset()
    /// that finds it fired.
    bool is_known() const noexcept { return gate_ != nullptr; }

protected:
    instant deadline_{};  // the operation writes it only while no wheel knows the entry

private:
    friend class timer_wheel;
    friend class wheel_levels;
    enum class state : std::uint8_t { idle, armed, fired, abandoned };

    wheel_gate* gate_ = nullptr;
    wake_target target_;
    state state_ = state::idle;
    std::uint8_t level_ = 0;  // where it is filed while armed
    std::uint8_t slot_ = 0;
};

}  // namespace edo::detail
