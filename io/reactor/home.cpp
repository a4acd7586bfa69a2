#include <edo/io/reactor/home.h>

#include <edo/io/reactor/registration.h>
#include <edo/io/rescue/rescue.h>

namespace edo::detail {

void reactor_home::close() noexcept {
    mutex_lock guard(lock);
    close_locked();
}

void reactor_home::close_locked() noexcept {
    open = nullptr;
    while (registration* r = members.pop_front()) {
        if (rescuer != nullptr) rescuer->leaves(*r);
        r->happened(readiness_view::orphaned);
    }
}

}  // namespace edo::detail
