#include <edo/io/reactor/registration.h>

#include <new>

#include <edo/base/error.h>
#include <edo/base/seam/census.h>
#include <edo/base/seam/disconnect.h>
#include <edo/base/seam/sys.h>
#include <edo/io/reactor/reactor.h>
#include <edo/io/rescue/rescue.h>
#include <edo/task/context.h>
#include <edo/task/frame/frame_pool.h>

namespace edo::detail {
namespace {

/// Ends a connection whose file the kernel will keep open for a moment after close().
void say_farewell(int fd, farewell how) noexcept {
    if (how == farewell::none) return;
    if (how == farewell::listen) {
        sys::shutdown(fd, SHUT_RDWR);
        return;
    }
    // Who asked for a reset instead of an orderly end (linger of zero) gets it at once.
    linger resets{};
    socklen_t size = sizeof resets;
    const int asked = sys::getsockopt(fd, SOL_SOCKET, SO_LINGER, &resets, &size);
    if (asked >= 0 && resets.l_onoff != 0 && resets.l_linger == 0) {
        sys::disconnect(fd);
        return;
    }
    sys::shutdown(fd, SHUT_WR);
}

/// Takes a record away from its reactor, if it has one.
detachment leave(registration& r, reactor_home* home) noexcept {
    if (home == nullptr) return {};
    detachment answer;
    {
        mutex_lock guard(home->lock);
        if (home->rescuer != nullptr) home->rescuer->leaves(r);
        if (home->open != nullptr) answer = home->open->detach(r);
    }
    home->release_ref();
    return answer;
}

}  // namespace

registration* registration::create(int fd, farewell how) {
    void* memory = allocate_frame(sizeof(registration));
    EDO_CENSUS(descriptor, 1);
    return ::new (memory) registration(fd, how);
}

void registration::free() noexcept {
    this->~registration();
    free_frame(this, sizeof(registration));
}

bool registration::wait(io_waiter& w, wake_target target, readiness_view before) noexcept {
    // Only the operation changes its target, so it may look without the lock. Linked, with the
    // right target: whatever has come since `before` has woken it already.
    if (w.is_waiting_ && w.target_ == target) return true;
    spin_guard guard(lock_);
    if (!look().is_as_old_as(before)) return false;
    w.target_ = target;
    if (!w.is_waiting_) {
        w.is_waiting_ = true;
        waiters_.push_back(w);
        refs_.fetch_add(1, relaxed);  // F
    }
    return true;
}

void registration::forget(io_waiter& w) noexcept {
    w.is_waiting_ = false;
    {
        spin_guard guard(lock_);
        w.unlink();
    }
    let_go();
}

std::error_code registration::attach(context& cx) noexcept {
    if (is_attached()) return {};
    std::uint8_t seen = attach_none;
    const bool is_mine =
        attached_.compare_exchange_strong(seen, attach_busy, acquire, relaxed);  // A
    if (!is_mine) return {};  // another operation sees to it
    reactor* const here = cx.execution().reactor;
    EDO_CHECK(
        here != nullptr,
        "a socket has to wait, but this runtime was built without a reactor; use edo::runtime or "
        "edo::current_thread_runtime");
    const std::error_code refused = join_home_of(*here);
    attached_.store(refused ? attach_none : attach_done, release);  // D
    if (refused) wake_waiters(readiness_view(readiness_view::everything));
    return refused;
}

std::error_code registration::join_home_of(reactor& at) noexcept {
    reactor_home& home = at.home();
    mutex_lock guard(home.lock);
    if (home.open == nullptr) return make_error_code(errc::runtime_shutdown);
    if (const std::error_code refused = at.attach(*this)) return refused;
    home.members.push_back(*this);
    if (home.rescuer != nullptr) home.rescuer->joined(*this);
    home.add_ref();
    home_ = &home;
    return {};
}

void registration::drop_owner() noexcept {
    if (owners_.fetch_sub(1, acq_rel) != 1) return;  // P
    if (refs_.load(acquire) != 1) {                  // H
        // Others wait. They let go when they are polled; the peer need not wait for that.
        happened(readiness_view::dropped);
        say_farewell(fd_, farewell_);
    }
    let_go();
}

int registration::surrender() noexcept {
    EDO_CHECK(
        refs_.load(acquire) == 1,  // H
        "a descriptor was taken out of a socket on which an operation still waits; end or drop the "
        "operation first");
    EDO_CENSUS(descriptor, -1);
    const int fd = fd_;
    if (leave(*this, home_).record_is_free) free();
    return fd;
}

void registration::let_go() noexcept {
    if (refs_.fetch_sub(1, acq_rel) != 1) return;  // G
    const int fd = fd_;
    const farewell how = farewell_;
    const detachment gone = leave(*this, home_);  // the record may be the reactor's from here on
    if (gone.file_is_held) say_farewell(fd, how);
    sys::close(fd);
    EDO_CENSUS(descriptor, -1);
    if (gone.record_is_free) free();
}

void registration::happened(std::uint32_t bits) noexcept {
    readiness_.set(bits);
    wake_waiters(readiness_view(bits));
}

void registration::wake_waiters(readiness_view news) noexcept {
    const bool concerns_all = news.is_dropped() || news.is_orphaned();
    spin_guard guard(lock_);
    for (io_waiter* w = waiters_.front(); w != nullptr; w = waiters_.after(*w))
        if (concerns_all || news.allows(w->what_)) w->target_.wake();
}

}  // namespace edo::detail
