#include <edo/runtime/dump.h>

#include <bit>
#include <utility>

#include <edo/runtime/scheduler/core.h>
#include <edo/runtime/shutdown.h>
#include <edo/task/context.h>
#include <edo/task/state/header.h>
#include <edo/task/state/promise.h>

namespace edo {
namespace detail {
namespace {

std::string text_of(std::source_location site) {
    std::string text = site.file_name();
    text += ':';
    text += std::to_string(site.line());
    if (site.function_name() != nullptr && *site.function_name() != '\0') {
        text += " in ";
        text += site.function_name();
    }
    return text;
}

/// Adds the await chain of a line, outermost coroutine first, and then what its leaf waits for.
struct chain_writer {
    task_dump& to;
    unsigned depth;

    void add(const context& line) {
        const leaf* const at = line.leaf();
        if (at == nullptr) return;
        const std::size_t first = to.waits.size();
        for (promise_base* frame = at->frame; frame != nullptr; frame = frame->parent) {
            task_dump::wait_point point(frame->site, depth);
            point.what = frame == at->frame && at->kind->name != nullptr ? at->kind->name : "task";
            to.waits.push_back(std::move(point));
        }
        for (std::size_t front = first, back = to.waits.size(); front + 1 < back; ++front, --back)
            std::swap(to.waits[front], to.waits[back - 1]);
        if (at->kind->visit == nullptr) return;
        chain_writer inner{to, depth + 1};
        // The leaf is only looked at; visit() is not const because combinators list their branches.
        at->kind->visit(*const_cast<leaf*>(at), &chain_writer::seen, &inner);
    }

    static void seen(void* self, const context& branch) {
        static_cast<chain_writer*>(self)->add(branch);
    }
};

/// Collects references to listed tasks, as many as there is room for.
/// Tasks that cannot go meanwhile.
struct collection {
    std::vector<task_header*> found;  // with a reference each

    collection() noexcept {}

    collection(const collection&) = delete;
    collection& operator=(const collection&) = delete;

    ~collection() {
        for (task_header* const task : found)
            task->release_refs();
    }

    static void add(void* self, task_header& task) {
        auto& to = static_cast<collection*>(self)->found;
        if (to.size() == to.capacity()) return;
        if (task.state.add_ref_unless_complete()) to.push_back(&task);
    }
};

}  // namespace

task_dump dump_task(task_header& task) {
    task_dump seen;
    seen.id = task.id;
    seen.name = task.name();
    seen.spawned_at = task.spawn_site();
    const std::uint64_t bits = task.state.peek();
    seen.is_cancelled = (bits & task_state::cancelled) != 0;
    const bool is_owned = task.group != nullptr || (bits & task_state::join_interest) != 0;
    seen.is_detached = !is_owned && !seen.is_cancelled;
    if (task.state.begin_inspection()) {
        // From here on nobody polls the task, as if we did.
        try {
            chain_writer{seen, 0}.add(task.main_line());
        } catch (...) {
            seen.waits.clear();  // memory is short; the task must go on all the same
        }
        if (task.state.end_inspection()) {
            task.owner().schedule(task);
        } else {
            task.release_refs();
        }
        return seen;
    }
    seen.state = (bits & task_state::complete_bit) != 0 ? task_dump::state_kind::ended
                 : (bits & task_state::running) != 0    ? task_dump::state_kind::running
                                                        : task_dump::state_kind::queued;
    const void* const site = task.last_site.load(relaxed);  // a picture, nothing follows from it
    if (site != nullptr) {
        task_dump::wait_point last(std::bit_cast<std::source_location>(site), 0);
        last.what = "last waited";
        seen.waits.push_back(std::move(last));
    }
    return seen;
}

runtime_dump core::dump() {
    runtime_dump all;
    all.runtime_name = title_;
    collection listed;
    listed.found.reserve(tasks.count_alive() + 64);  // room for some that come meanwhile
    tasks.for_each(&collection::add, &listed);
    all.tasks.reserve(listed.found.size());
    for (task_header* task : listed.found) {
        task_dump seen = dump_task(*task);
        if (seen.state != task_dump::state_kind::ended) all.tasks.push_back(std::move(seen));
    }
    return all;
}

}  // namespace detail

std::string task_dump::to_string() const {
    static constexpr const char* names[] = {"waiting", "queued", "running", "ended"};
    std::string text = "task " + std::to_string(id);
    if (!name.empty()) text += " \"" + name + '"';
    text.append(": ").append(names[static_cast<int>(state)]);
    if (is_cancelled) text += ", cancelled";
    if (is_detached) text += ", detached";
    text += ", spawned at " + detail::text_of(spawned_at) + '\n';
    for (const wait_point& point : waits) {
        text.append(4 + std::size_t{2} * point.depth, ' ');
        text += point.what + " at " + detail::text_of(point.at) + '\n';
    }
    return text;
}

std::string runtime_dump::to_string() const {
    std::string text = runtime_name + ": " + std::to_string(tasks.size()) +
                       (tasks.size() == 1 ? " live task\n" : " live tasks\n");
    for (const task_dump& task : tasks)
        text += "  " + task.to_string();
    return text;
}

std::string shutdown_report::to_string() const {
    if (is_clean()) return "everything stopped";
    std::string text = std::to_string(tasks.size()) + " tasks, " +
                       std::to_string(blocking_calls.size()) + " blocking calls and " +
                       std::to_string(stuck_workers) + " workers did not stop\n";
    for (const task_dump& task : tasks)
        text += "  " + task.to_string();
    for (const unfinished_call& call : blocking_calls) {
        text += "  blocking call in pool '" + call.pool + "' made at " +
                detail::text_of(call.called_at) + '\n';
    }
    return text;
}

}  // namespace edo
