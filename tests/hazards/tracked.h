#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <utility>

namespace edo::testing {

/// A number that knows where it lives, to see whether a compiler treats objects as it must.
///
/// Every constructor lists the address, the destructor takes it off. A bitwise copy dies at an
/// address that nobody has listed; so does an object that is destroyed twice; one that is forgotten
/// stays alive. The list is elsewhere, so that looking at a broken object is not undefined
/// behaviour in its turn.
/// Thread-safe: different objects yes.
class tracked {
public:
    explicit tracked(int value) : value_(value) { enlist(); }

    tracked(const tracked& other) : value_(other.value()) { enlist(); }

    tracked(tracked&& other) noexcept : value_(other.value()) {
        other.value_ = moved_from;
        enlist();
    }

    tracked& operator=(const tracked& other) {
        value_ = other.value();
        return *this;
    }

    tracked& operator=(tracked&& other) noexcept {
        value_ = std::exchange(other.value_, moved_from);
        return *this;
    }

    ~tracked() {
        std::lock_guard guard(all().lock);
        if (all().alive.erase(this) == 0) ++all().faults;
    }

    /// The number. Looking at what is no object, or was moved away, is a fault.
    int value() const noexcept {
        std::lock_guard guard(all().lock);
        if (!all().alive.contains(this) || value_ == moved_from) ++all().faults;
        return value_;
    }

    static std::size_t alive() {
        std::lock_guard guard(all().lock);
        return all().alive.size();
    }

    /// Bitwise copies, double destructions and uses of what is no object, since the last
    /// forget_all().
    static std::size_t faults() {
        std::lock_guard guard(all().lock);
        return all().faults;
    }

    static void forget_all() {
        std::lock_guard guard(all().lock);
        all().alive.clear();
        all().faults = 0;
    }

private:
    static constexpr int moved_from = -1'000'000;

    struct census {
        std::mutex lock;
        std::set<const void*> alive;
        std::size_t faults = 0;
    };

    static census& all() {
        static census one;
        return one;
    }

    void enlist() noexcept {
        std::lock_guard guard(all().lock);
        if (!all().alive.insert(this).second) ++all().faults;
    }

    int value_;
};

}  // namespace edo::testing
