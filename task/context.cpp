#include <edo/task/context.h>

#include <bit>
#include <utility>

#include <edo/base/check.h>
#include <edo/task/state/group_core.h>
#include <edo/task/state/header.h>
#include <edo/task/state/promise.h>
#include <edo/task/state/run_line.h>

namespace edo {
namespace detail {
namespace {
constinit thread_local execution* execution_of_this_thread = nullptr;
}  // namespace

// Out of line, so that no compiler keeps the address of the thread's slot across a suspension.
[[gnu::noinline]] execution* current_execution() noexcept {
    return execution_of_this_thread;
}

void set_current_execution(execution* exec) noexcept {
    execution_of_this_thread = exec;
}

}  // namespace detail

detail::branch_context& detail::line_to_be::made() const noexcept {
    if (!place_) place_.emplace(parent_);
    return *place_;
}

// Out of line, so that those with a line save no registers for the sake of those that have none.
[[gnu::noinline]] std::uint8_t context::slot_once_made() const noexcept {
    return static_cast<const detail::line_to_be*>(this)->made().slot_;
}

namespace {
[[gnu::noinline]] void yield_once_made(const detail::line_to_be& line) noexcept {
    line.made().yield();
}
}  // namespace

void context::unlink_groups() noexcept {
    while (groups_ != nullptr)
        groups_->unlink();
}

detail::branch_context::branch_context(context& parent) noexcept
    : context(parent.task(), as_branch{}) {
    static_assert(tuning::branch_slots <= 63);
    constexpr std::uint64_t slots =
        (tuning::branch_slots == 63 ? ~std::uint64_t{0}
                                    : (std::uint64_t{2} << tuning::branch_slots) - 1) &
        ~std::uint64_t{1};  // bit 0 is the main line's
    const std::uint64_t free = slots & ~task().used_slots;
    if (free == 0) [[unlikely]] {
        shared_ = 1;  // wakes go to the main line; see shared_
    } else {
        slots_ = free & (~free + 1);  // the lowest
        set_slot(static_cast<std::uint8_t>(std::countr_zero(free)));
        owns_slot_ = true;
        task().used_slots |= slots_;
    }
    attach(parent);
}

detail::branch_context::~branch_context() {
    if (owns_slot_) task().used_slots &= ~(std::uint64_t{1} << slot_of_branch());
    detach();
}

void detail::branch_context::attach_to_branch(context& parent) noexcept {
    parent_ = parent.is_made() ? static_cast<branch_context*>(&parent)
                               : &static_cast<line_to_be&>(parent).made();
    add_to_those_above();
}

void detail::branch_context::add_to_those_above() noexcept {
    for (branch_context* above = parent_; above != nullptr; above = above->parent_) {
        if (above->slots_ != 0) above->slots_ |= slots_;
        above->shared_ += shared_;
    }
}

void detail::branch_context::attach_again(context& parent) noexcept {
    EDO_CHECK(&parent.task() == &task(),
              "a task in a variable was polled by a combinator of one task and then of another; it "
              "belongs to the task that polled it first");
    attach(parent);
    execution().woken_slots = ~std::uint64_t{0};
}

void detail::branch_context::check_dropped_by_its_task() const noexcept {
    const detail::execution* const here = current_execution();
    EDO_CHECK(here != nullptr && here->task == &task(),
              "a task that a combinator has started, in a variable, was moved out of the task that "
              "started it");
}

void detail::branch_context::take_from_those_above() noexcept {
    for (branch_context* above = parent_; above != nullptr; above = above->parent_) {
        if (above->slots_ != 0) above->slots_ &= ~slots_;
        above->shared_ -= shared_;
    }
}

edo::waker context::waker() const noexcept {
    task_.add_ref_while_running();
    return edo::waker(target());
}

void context::yield() noexcept {
    if (!is_made()) return yield_once_made(static_cast<detail::line_to_be&>(*this));
    execution().yielding = true;
    if (slot_ != 0)
        task_.ready_slots.fetch_or(std::uint64_t{1} << slot_,
                                   detail::relaxed);  // read by this task's own next poll
}

void context::yield_for_budget() noexcept {
    execution().counts.forced_yields.add();
    yield();
}

std::coroutine_handle<> context::transfer(detail::promise_base& next) noexcept {
    if (++transfers_ >= detail::tuning::inline_resumptions) [[unlikely]] {
        // Where the compiler makes no tail call of a symmetric transfer each one deepens the stack.
        // It is unwound to run(), which goes on from there.
        set_ready(next);
        return std::noop_coroutine();
    }
    return next.handle();
}

bool context::run() noexcept {
    return run_on(execution());
}

bool context::prepare_drop() noexcept {
    bool may_drop = true;
    for (detail::group_link* group = groups_; group != nullptr; group = group->next)
        may_drop = group->cancel_children(*group) && may_drop;
    detail::leaf* const at = leaf();
    if (at != nullptr && at->kind->prepare_drop != nullptr)
        may_drop = at->kind->prepare_drop(*at) && may_drop;
    return may_drop;
}

detail::group_core* context::group_with_children() noexcept {
    for (detail::group_link* group = groups_; group != nullptr; group = group->next)
        if (group->children->alive() != 0) return group->children;
    detail::group_core* found = nullptr;
    detail::leaf* const at = leaf();
    if (at == nullptr || at->kind->visit == nullptr) return found;
    at->kind->visit(
        *at,
        [](void* to, const context& branch) {
            auto*& first = *static_cast<detail::group_core**>(to);
            // Listed as const for dumps; this is the thread that may change it.
            if (first == nullptr) first = const_cast<context&>(branch).group_with_children();
        },
        &found);
    return found;
}

void context::drop() noexcept {
    detail::execution& exec = execution();
    context* const outer = std::exchange(exec.line, this);
    detail::leaf* const at = leaf();
    detail::promise_base* frame = at != nullptr ? at->frame : take_ready();
    at_ = 0;
    // A child dies before its parent, as it would if the parent's destructor did it; but the depth
    // of the chain does not become depth of the stack.
    while (frame != nullptr) {
        detail::promise_base* const parent = frame->parent;
        frame->owner->child = nullptr;
        frame->handle().destroy();
        frame = parent;
    }
    exec.line = outer;
}

namespace detail {

std::coroutine_handle<> promise_base::end_early(promise_base& ended,
                                                std::error_code error) noexcept {
    promise_base* frame = &ended;
    for (;;) {
        frame_owner* const owner_of = frame->owner;
        promise_base* const parent_of = frame->parent;
        context& line_of = *frame->line;
        owner_of->child = nullptr;
        frame->handle().destroy();
        if (owner_of->propagates) {
            frame = parent_of;
            continue;
        }
        static_cast<result_owner*>(owner_of)->early = error;
        return parent_of != nullptr ? line_of.transfer(*parent_of) : line_of.finish();
    }
}

}  // namespace detail
}  // namespace edo
