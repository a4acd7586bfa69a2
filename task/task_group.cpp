#include <edo/task/task_group.h>

#include <exception>

#include <edo/task/state/scheduler.h>
#include <edo/task/unobserved.h>

namespace edo {

task_group::task_group(group_policy policy, std::source_location site) noexcept
    : core_(policy), policy_(policy) {
    detail::execution* const exec = detail::current_execution();
    if (exec == nullptr || exec->line == nullptr)
        detail::fail(
            "a task_group was made outside a running task; it belongs in the frame of a coroutine",
            site);
    scheduler_ = exec->spawns_into;
    line_ = exec->line->target();
    link_.group = this;
    link_.cancel_children = &cancel_children;
    link_.children = &core_;
    exec->line->add_group(link_);
}

task_group::~task_group() {
    if (core_.alive() != 0) core_.destroy_children();
    if (link_.is_linked()) link_.unlink();
    core_.report_untold();
}

task_group& task_group::max_children(std::size_t n, std::source_location site) noexcept {
    if (n == 0)
        detail::fail("task_group::max_children(0): a group needs room for one task at least", site);
    limit_ = n;
    return *this;
}

void task_group::start(detail::task_header& child) noexcept {
    // The group may have to destroy it where its own task runs.
    const void* const place = child.owner().pinned_to();
    if (place != nullptr && place != line_.task()->owner().pinned_to())
        detail::fail(
            "a task that is to stay on one worker was spawned into a task_group whose own task is "
            "not bound to that worker; spawn the group's task there too, with edo::spawn_local or "
            "spawn_options::worker()",
            child.spawn_site());
    child.init_state(true);
    if (!core_.add(child, limit_)) return child.end_unlisted();
    child.tell_spawned();
    child.owner().schedule(child);  // may be claimed already: then the entry is stale
}

bool task_group::cancel_children(detail::group_link& self) noexcept {
    task_group& group = *static_cast<link&>(self).group;
    group.core_.cancel();
    return group.core_.wait_for_few(group.link_.waiter, group.line_, 0);
}

result<void> task_group::join_all_operation::take() {
    detail::failure why;
    switch (group_->core_.take_result(why)) {
        case task_end::exception:
            std::rethrow_exception(std::move(why.exception));
        case task_end::error:
            return why.error;
        case task_end::cancelled:
            if (group_->policy_ != independent) return errc::cancelled;
            return {};
        case task_end::value:
            break;
    }
    return {};
}

}  // namespace edo
