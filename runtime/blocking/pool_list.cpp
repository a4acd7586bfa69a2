#include <edo/runtime/blocking/pool_list.h>

namespace edo::detail {

pool_list::~pool_list() {
    while (thread_pool* const pool = all_.pop_front())
        pool->release_ref();
}

void pool_list::add(thread_pool& made) noexcept {
    pools unused;
    bool is_late = false;
    {
        mutex_lock guard(lock_);
        is_late = closed_;
        if (!is_late) {
            take_unused_locked(unused);
            made.add_ref();
            all_.push_back(made);
        }
    }
    if (is_late) made.close();
    while (thread_pool* const pool = unused.pop_front()) {
        pool->join(instant::max());  // its last thread is at its very end, if not gone
        pool->release_ref();
    }
}

void pool_list::take_unused_locked(pools& to) noexcept {
    for (thread_pool* pool = all_.front(); pool != nullptr;) {
        thread_pool* const next = all_.after(*pool);
        if (pool->is_unused()) {
            all_.remove(*pool);
            to.push_back(*pool);
        }
        pool = next;
    }
}

bool pool_list::contains(const thread_pool* wanted) noexcept {
    if (wanted == nullptr) return false;
    mutex_lock guard(lock_);
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        if (pool == wanted) return true;
    return false;
}

bool pool_list::is_awaited() noexcept {
    mutex_lock guard(lock_);
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        if (pool->is_awaited()) return true;
    return false;
}

std::vector<blocking_pool_metrics> pool_list::metrics() {
    std::vector<blocking_pool_metrics> seen;
    mutex_lock guard(lock_);
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        if (!pool->is_unused()) seen.push_back(pool->metrics());
    return seen;
}

// Refused calls wake tasks, whatever that leads to, so this lock is not held meanwhile.
void pool_list::close() noexcept {
    {
        mutex_lock guard(lock_);
        closed_ = true;
    }
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        pool->close();
}

void pool_list::join(instant until) noexcept {
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        pool->join(until);
}

std::vector<unfinished_call> pool_list::unfinished_calls() {
    std::vector<unfinished_call> calls;
    for (thread_pool* pool = all_.front(); pool != nullptr; pool = all_.after(*pool))
        pool->list_unfinished(calls);
    return calls;
}

}  // namespace edo::detail
