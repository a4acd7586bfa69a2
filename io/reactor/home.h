#pragma once

#include <cstdint>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>

namespace edo::detail {

class reactor;
class registration;
class rescue;

/// What a reactor shares with its registrations, and what outlives it: sockets may be closed long
/// after their runtime has gone. One per reactor; freed by the last who refers to it.
///
/// `lock` protects everything here. It is taken before the lock of a registration, never after.
class reactor_home {
public:
    static reactor_home* create(reactor& at) { return new reactor_home(at); }

    reactor_home(const reactor_home&) = delete;
    reactor_home& operator=(const reactor_home&) = delete;

    // Relaxed: who adds a reference holds one. acq_rel: the last to let go comes after all the
    // others.
    void add_ref() noexcept { refs_.fetch_add(1, relaxed); }  // as above

    void release_ref() noexcept {
        if (refs_.fetch_sub(1, acq_rel) == 1) delete this;  // as above
    }

    /// Ends the membership of all registrations and fails them with errc::runtime_shutdown.
    void close() noexcept;
    /// The same. Requires: `lock` is held.
    void close_locked() noexcept;

    mutex lock;
    reactor* open;                         ///< null once the reactor is shut down
    class rescue* rescuer = nullptr;       ///< watches the members while the owner is blocked
    intrusive_list<registration> members;  ///< attached
    intrusive_list<registration>
        leaving;  ///< detached; the owner frees them when no event refers to them
    std::uint32_t leaving_count = 0;

private:
    explicit reactor_home(reactor& at) noexcept : open(&at) {}

    ~reactor_home() = default;

    atomic<std::uint32_t> refs_{1};
};

}  // namespace edo::detail
