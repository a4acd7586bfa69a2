#include <edo/task/state/registry.h>

#include <edo/task/state/header.h>

namespace edo::detail {
namespace {

// Spreads threads over the shards in the order in which they come.
unsigned shard_of_this_thread() noexcept {
    static atomic<unsigned> threads{0};
    thread_local const unsigned mine = threads.fetch_add(1, relaxed);  // only has to differ
    return mine % tuning::registry_shards;
}

}  // namespace

bool registry::insert(task_header& task) noexcept {
    const unsigned index = shard_of_this_thread();
    shard& s = shards_[index];
    mutex_lock guard(s.lock);
    if (s.closed) return false;
    task.id = ++s.next_id * tuning::registry_shards + index;
    s.tasks.push_back(task);
    ++s.count;
    s.cells.fetch_add(1, relaxed);  // who adds one finds the registry's own still there
    return true;
}

void registry::remove(task_header& task) noexcept {
    shard& s = shard_of(task.id);
    mutex_lock guard(s.lock);
    s.tasks.remove(task);
    --s.count;
}

bool registry::close() noexcept {
    bool last = false;
    for (shard& s : shards_) {
        {
            mutex_lock guard(s.lock);
            if (s.closed) continue;
            s.closed = true;
        }
        last = release_cell(s) || last;
    }
    return last;
}

bool registry::cell_freed(std::uint64_t id) noexcept {
    return release_cell(shard_of(id));
}

bool registry::release_cell(shard& s) noexcept {
    return s.cells.fetch_sub(1, acq_rel) == 1 &&       // see `cells`
           shards_in_use_.fetch_sub(1, acq_rel) == 1;  // see `shards_in_use_`
}

std::size_t registry::size() const noexcept {
    std::size_t sum = 0;
    for (const shard& s : shards_) {
        mutex_lock guard(s.lock);
        sum += s.count;
    }
    return sum;
}

void registry::for_each(void (*visit)(void* to, task_header& task), void* to) noexcept {
    for (shard& s : shards_) {
        mutex_lock guard(s.lock);
        for (task_header* t = s.tasks.front(); t != nullptr; t = s.tasks.after(*t))
            visit(to, *t);
    }
}

}  // namespace edo::detail
