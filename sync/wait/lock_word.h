#pragma once

#include <cstdint>

#include <edo/base/seam/atomic.h>
#include <edo/base/seam/spin_wait.h>

namespace edo::detail {

// lock_word: a value that most callers change by one compare-and-swap, with a lock in its lowest
// bit for what takes more than one step.
//
//   value ──change (F)──► other value
//   value ──lock (L)──► value|locked ──unlock (U)──► other value
//
// While it is locked only the holder changes it, and what it changes becomes visible by the unlock,
// which is its last touch: so who learns from the value that the object is nobody else's any more
// may free it.
//
//  mark  where   transition              ordering  pairs with
//  F     change  value  -> other value   acq_rel   F, U: sees what preceded the value it found, and
//                                                  publishes what preceded this one
//  L     lock    value  -> value|locked  acquire   F, U
//  U     unlock  locked -> other value   release   F, L, G
//  G     get     reads the value         acquire   F, U
//
// Who finds it locked waits as spin_wait.h says. Models: of those that use it, notify and
// permit_queue.
class lock_word {
public:
    static constexpr std::uint64_t locked = 1;

    explicit lock_word(std::uint64_t value = 0) noexcept : word_(value) {}

    lock_word(const lock_word&) = delete;
    lock_word& operator=(const lock_word&) = delete;

    /// The value, perhaps with the lock: then it is the one from before the lock.
    std::uint64_t get() const noexcept { return word_.load(acquire); }  // G

    /// False when who held it before the calling thread learned what it asks for has left it.
    bool is_locked() const noexcept { return (get() & locked) != 0; }

    /// Waits until who holds the lock has left it, for a moment. Returns: the value.
    std::uint64_t get_after(spin_wait& wait) const noexcept {
        wait.once(word_);
        return get();
    }

    /// Returns: false when the value is not `seen` any more, or for no reason; then `seen` is
    ///          renewed. Requires: `seen` is not locked.
    bool change(std::uint64_t& seen, std::uint64_t to) noexcept {
        return word_.compare_exchange_weak(seen, to, acq_rel, acquire);  // F, G
    }

    /// Holds the lock for a scope. At its end the word becomes `value`.
    class [[nodiscard]] guard {
    public:
        explicit guard(lock_word& word) noexcept : value(word.lock()), word_(word) {}

        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;

        ~guard() { word_.unlock(value); }

        std::uint64_t value;

    private:
        lock_word& word_;
    };

private:
    std::uint64_t lock() noexcept {
        std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
        if ((seen & locked) == 0 &&
            word_.compare_exchange_strong(seen, seen | locked, acquire, relaxed)) [[likely]]  // L
            return seen;
        return lock_slow();
    }

    [[gnu::noinline]] std::uint64_t lock_slow() noexcept {
        for (spin_wait wait;; wait.once(word_)) {
            std::uint64_t seen = word_.load(relaxed);  // the CAS below decides
            if ((seen & locked) == 0 &&
                word_.compare_exchange_strong(seen, seen | locked, acquire, relaxed))  // L
                return seen;
        }
    }

    void unlock(std::uint64_t value) noexcept { word_.store(value, release); }  // U

    atomic<std::uint64_t> word_;
};

}  // namespace edo::detail
