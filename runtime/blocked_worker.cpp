#include <edo/runtime/blocked_worker.h>

#include <cstdio>
#include <new>

#include <edo/base/seam/atomic.h>

namespace edo {
namespace {

std::string place_text(std::source_location site) {
    return std::string(site.file_name()) + ':' + std::to_string(site.line());
}

void write_blocked(const blocked_worker& seen) noexcept {
    try {
        std::fprintf(stderr, "edo: %s\n", seen.to_string().c_str());
    } catch (const std::bad_alloc&) {
        std::fputs("edo: a worker is blocked, and memory is short\n", stderr);
    }
}

detail::atomic<blocked_worker_hook> blocked_hook{&write_blocked};

}  // namespace

std::string blocked_worker::to_string() const {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(blocked_for);
    std::string text = "worker " + std::to_string(worker) + " of \"" + runtime +
                       "\" has been in one poll for " + std::to_string(milliseconds.count()) +
                       " ms: task " + std::to_string(task_id);
    if (!task_name.empty()) text += " \"" + task_name + '"';
    if (is_task_known) {
        text += ", spawned at " + place_text(spawned_at);
        text += has_waited ? ", last seen waiting at " + place_text(waited_at)
                           : std::string(", which has not waited yet");
    }
    if (!system_call.empty()) text += ", in the system call " + system_call;
    if (!stack.empty()) text += ", at " + stack;
    text += "; blocking work belongs into edo::spawn_blocking";
    return text;
}

blocked_worker_hook set_blocked_worker_hook(blocked_worker_hook hook) noexcept {
    // acq_rel: pairs with the load below, so that what the hook needs is there when it is called.
    return blocked_hook.exchange(hook != nullptr ? hook : &write_blocked, detail::acq_rel);
}

void detail::report_blocked(const blocked_worker& seen) noexcept {
    blocked_hook.load(acquire)(seen);  // pairs with the exchange above
}

}  // namespace edo
