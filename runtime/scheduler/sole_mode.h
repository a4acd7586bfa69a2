#pragma once

#include <cstdint>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/sys.h>

namespace edo::detail {

// sole_mode: whether the only worker of a runtime works on its own ring and slot with plain loads
// and stores instead of locked instructions. It may as long as nobody else touches them; when the
// worker is stuck in user code the monitor must end that before it lets others steal.
//
//            end: by the monitor (P), or by the worker itself (P')
//   alone ─────────────────────────────────────────────────────────► plural, for ever
//
// The worker brackets its operations: "I am inside", then "may I?". The monitor asks in the
// opposite order: "you may not", then "are you inside?". Both sides need a barrier between their
// two steps; the worker's would cost as much as what is saved, so the monitor has the kernel make
// it for both: membarrier() returns when every running thread of the process has passed a full
// barrier. If the worker's I comes before its barrier, the monitor sees it and tries again later;
// if it comes behind, then R sees that the mode has ended. An operation that saw `alone` has so
// ended, and is visible, when the monitor reads 0 (J).
//
// In plural nobody writes inside_ any more, so what J has read once stays true. A mode that begins
// as plural (several workers, or no membarrier) needs none of this.
//
//  mark  where        transition               ordering  pairs with
//  I     bracket      inside_ = 1              relaxed   P: ordered by the kernel's barrier
//  R     bracket      reads plural_            relaxed   P: ordered by the kernel's barrier
//  O     ~bracket     inside_ = 0              release   J: what was done inside is seen
//  P     end          plural_ = true           seq_cst   I, R: before the barrier
//  P'    end_by_owner plural_ = true           relaxed   nothing: R is a step of the same thread
//  J     end          reads inside_            acquire   O
//
// Model: tests/model/sole_mode_model.cpp. Stress: tests/stress/blocked_worker_test.cpp.
class sole_mode {
public:
    explicit sole_mode(bool alone) noexcept : plural_(!alone), has_ended_(!alone) {}

    sole_mode(const sole_mode&) = delete;
    sole_mode& operator=(const sole_mode&) = delete;

    /// Registers the process for the barrier. Returns: false when the system refuses it; then
    /// nobody can end the mode from outside.
    static bool prepare() noexcept {
        return sys::membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) >= 0 &&
               sys::membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) >= 0;
    }

    /// Surrounds operations of the owner on its ring and slot. Not nested.
    class [[nodiscard]] bracket {
    public:
        explicit bracket(sole_mode& mode) noexcept : mode_(mode), alone_(mode.enter()) {}

        bracket(const bracket&) = delete;
        bracket& operator=(const bracket&) = delete;

        ~bracket() {
            if (alone_) mode_.inside_.store(0, release);  // O
        }

        bool is_alone() const noexcept { return alone_; }

    private:
        sole_mode& mode_;
        const bool alone_;
    };

    /// Ends the mode, for another thread than the owner: the monitor.
    /// Returns: false when the owner is in a bracket just now; then it is to be called again.
    bool end() noexcept {
        if (has_ended_) return true;
        plural_.store(true, seq_cst);  // P: before I and R of the owner, by the barrier
        if (sys::membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) < 0) return false;
        has_ended_ = inside_.load(acquire) == 0;  // J
        return has_ended_;
    }

    /// The same for the owner, outside of its brackets. What it has done becomes visible to others
    /// as they learn of the owner's ring: by the start of a thread, or by J.
    void end_by_owner() noexcept { plural_.store(true, relaxed); }  // P'

private:
    [[gnu::always_inline]] bool enter() noexcept {
        if (plural_.load(relaxed)) return false;  // R, and it stays true
        inside_.store(1, relaxed);                // I
        compiler_fence();
        if (!plural_.load(relaxed)) return true;  // R
        inside_.store(0, release);                // O
        return false;
    }

    atomic<bool> plural_;
    atomic<std::uint32_t> inside_{0};
    bool has_ended_;  // the monitor's: J was passed
};

}  // namespace edo::detail
