#include <edo/task/state/registry.h>

#include <cstddef>
#include <utility>

#include <edo/base/seam/census.h>
#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>

namespace edo::detail {
namespace {

// Spreads threads over the shards in the order in which they come.
unsigned shard_of_this_thread() noexcept {
    static atomic<unsigned> threads{0};
    // Numbered from 1: a constant start value saves each call the question whether it is set.
    constinit thread_local unsigned mine = 0;
    if (mine == 0) mine = threads.fetch_add(1, relaxed) + 1;  // only has to differ
    return mine % tuning::registry_shards;
}

// A walk comes to `next` soon.
void fetch_soon(const list_node* next) noexcept {
    const auto* const first = reinterpret_cast<const std::byte*>(next);
    __builtin_prefetch(first, 1);
    __builtin_prefetch(first + 64, 1);
    __builtin_prefetch(first + 128, 1);
}

}  // namespace

bool registry::insert(task_header& task) noexcept {
    const unsigned index = shard_of_this_thread();
    shard& s = shards_[index];
    spin_guard guard(s.lock);
    if (s.closed) return false;
    task.id = ++s.next_id * tuning::registry_shards + index;
    s.tasks.push_back(task);
    ++s.count;
    EDO_CENSUS(task, 1);
    return true;
}

bool registry::remove(task_header& task) noexcept {
    shard& s = shard_of(task.id);
    EDO_CENSUS(task, -1);
    bool is_over = false;
    {
        spin_guard guard(s.lock);
        task.registry_entry::unlink();
        is_over = --s.count == 0 && s.closed;
    }
    return is_over && leave_shard();
}

registry::removal registry::remove_unshared(task_header& task, std::uint64_t refs) noexcept {
    shard& s = shard_of(task.id);
    bool is_over = false;
    {
        spin_guard guard(s.lock);
        // Who looks for tasks here takes a reference while it has the lock.
        if (!task.state.is_unshared(refs)) return removal::none;
        task.registry_entry::unlink();
        is_over = --s.count == 0 && s.closed;
    }
    EDO_CENSUS(task, -1);
    return is_over && leave_shard() ? removal::was_last : removal::done;
}

bool registry::close() noexcept {
    bool was_last = false;
    for (shard& s : shards_) {
        bool is_over = false;
        {
            spin_guard guard(s.lock);
            if (std::exchange(s.closed, true)) continue;
            is_over = s.count == 0;
        }
        if (is_over) was_last = leave_shard() || was_last;
    }
    return was_last;
}

// A closed shard has become empty, which it stays. Returns: true when that was the last one.
// Called without the lock, as the last touch: who gets true frees the registry.
bool registry::leave_shard() noexcept {
    return shards_in_use_.fetch_sub(1, acq_rel) == 1;  // see `shards_in_use_`
}

registry::step registry::end_next(registry_walk& at) noexcept {
    for (; at.left_ != 0; --at.left_) {
        const bool is_own = at.left_ == tuning::registry_shards;
        shard& s = shards_[(shard_of_this_thread() + at.left_) % tuning::registry_shards];
        spin_guard guard(s.lock);
        EDO_ASSERT(s.closed);
        registry_entry* const entry = is_own ? s.tasks.pop_front() : s.tasks.pop_back();
        if (entry == nullptr) continue;
        s.asked.push_back(*entry);
        if (registry_entry* const next = is_own ? s.tasks.front() : s.tasks.back(); next != nullptr)
            fetch_soon(is_own ? next->next : next->prev);
        return ask_to_end(static_cast<task_header&>(*entry), at);
    }
    return {};
}

registry::step registry::ask_to_end(task_header& task, const registry_walk& at) noexcept {
    step left;
    if (task.group != nullptr) return left;
    const void* const place = task.owner().pinned_to();
    if (place == nullptr || place == at.here_) {
        if (task.start_drop()) left.to_drop = &task;
    } else {
        if (task.state.request_cancel()) left.to_queue = &task;
    }
    return left;
}

bool registry::have_all_ended() noexcept {
    for (shard& s : shards_) {
        spin_guard guard(s.lock);
        if (!has_ended(s.tasks, s) || !has_ended(s.asked, s)) return false;
    }
    return true;
}

// Whether all of a list have. With the lock of their shard, `of`.
bool registry::has_ended(intrusive_list<registry_entry>& tasks, shard& of) noexcept {
    while (registry_entry* const entry = tasks.front()) {
        if (!static_cast<task_header*>(entry)->state.is_complete()) return false;
        entry->unlink();
        of.ended.push_back(*entry);
    }
    return true;
}

std::uint64_t registry::count_inserted() const noexcept {
    std::uint64_t sum = 0;
    for (const shard& s : shards_) {
        spin_guard guard(s.lock);
        sum += s.next_id;
    }
    return sum;
}

std::size_t registry::count_alive() const noexcept {
    std::size_t sum = 0;
    const_cast<registry*>(this)->for_each(
        [](void* to, task_header&) { ++*static_cast<std::size_t*>(to); }, &sum);
    return sum;
}

void registry::for_each(void (*visit)(void* to, task_header& task), void* to) noexcept {
    for (shard& s : shards_) {
        spin_guard guard(s.lock);
        for (intrusive_list<registry_entry>* const list : {&s.tasks, &s.asked}) {
            for (registry_entry* e = list->front(); e != nullptr; e = list->after(*e)) {
                auto& task = static_cast<task_header&>(*e);
                if (!task.state.is_complete()) visit(to, task);
            }
        }
    }
}

void registry::find(std::uint64_t id,
                    void (*visit)(void* to, task_header& task),
                    void* to) noexcept {
    shard& s = shard_of(id);
    spin_guard guard(s.lock);
    for (intrusive_list<registry_entry>* const list : {&s.tasks, &s.asked}) {
        for (registry_entry* e = list->front(); e != nullptr; e = list->after(*e)) {
            auto& task = static_cast<task_header&>(*e);
            if (task.id != id) continue;
            if (!task.state.is_complete()) visit(to, task);
            return;
        }
    }
}

}  // namespace edo::detail
