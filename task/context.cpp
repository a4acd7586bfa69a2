#include <edo/task/context.h>

#include <bit>
#include <utility>

#include <edo/base/check.h>
#include <edo/task/state/header.h>
#include <edo/task/state/promise.h>

namespace edo {
namespace detail {
namespace {
constinit thread_local execution* execution_of_this_thread = nullptr;
}  // namespace

// Out of line, so that no compiler keeps the address of the thread's slot across a suspension.
execution* current_execution() noexcept {
    return execution_of_this_thread;
}

void set_current_execution(execution* exec) noexcept {
    execution_of_this_thread = exec;
}

}  // namespace detail

context::context(context& parent) noexcept : task_(parent.task_), parent_(nullptr) {
    static_assert(detail::tuning::branch_slots <= 63);
    constexpr std::uint64_t slots = (detail::tuning::branch_slots == 63
                                         ? ~std::uint64_t{0}
                                         : (std::uint64_t{2} << detail::tuning::branch_slots) - 1) &
                                    ~std::uint64_t{1};  // bit 0 is the main line's
    const std::uint64_t free = slots & ~task_.used_slots;
    if (free == 0) {
        shared_ = 1;  // wakes go to the main line; see shared_
        attach(parent);
        return;
    }
    slot_ = static_cast<std::uint8_t>(std::countr_zero(free));
    owns_slot_ = true;
    slots_ = std::uint64_t{1} << slot_;
    task_.used_slots |= slots_;
    attach(parent);
}

context::~context() {
    while (detail::group_link* group = groups_.front())
        group->unlink();
    if (owns_slot_) task_.used_slots &= ~(std::uint64_t{1} << slot_);
    if (parent_ != nullptr) detach();
}

void context::attach(context& parent) noexcept {
    EDO_CHECK(&parent.task_ == &task_,
              "a task in a variable was polled by a combinator of one task and then of another; it "
              "belongs to "
              "the task that polled it first");
    parent_ = &parent;
    for (context* above = parent_; above != nullptr; above = above->parent_) {
        if (above->slots_ != 0) above->slots_ |= slots_;
        above->shared_ += shared_;
    }
}

void context::detach() noexcept {
    for (context* above = parent_; above != nullptr; above = above->parent_) {
        if (above->slots_ != 0) above->slots_ &= ~slots_;
        above->shared_ -= shared_;
    }
    parent_ = nullptr;
}

edo::waker context::waker() const noexcept {
    task_.add_ref();
    return edo::waker(target());
}

void context::yield() noexcept {
    task_.yielding = true;
    if (slot_ != 0)
        task_.ready_slots.fetch_or(std::uint64_t{1} << slot_,
                                   detail::relaxed);  // read by this task's own next poll
}

std::coroutine_handle<> context::transfer(detail::promise_base& next) noexcept {
    if (++transfers_ >= detail::tuning::inline_resumptions) [[unlikely]] {
        // Where the compiler makes no tail call of a symmetric transfer each one deepens the stack.
        // It is
        // unwound to run(), which goes on from there.
        ready_ = &next;
        return std::noop_coroutine();
    }
    return next.handle();
}

bool context::run() noexcept {
    detail::execution& exec = execution();
    context* const outer = std::exchange(exec.line, this);
    std::coroutine_handle<> next;
    if (leaf_ != nullptr) {
        next = leaf_->kind->poll(*leaf_, *this);
        if (!next) {
            exec.line = outer;
            return false;
        }
        leaf_ = nullptr;
    } else {
        next = std::exchange(ready_, nullptr)->handle();
    }
    started_ = true;
    for (;;) {
        transfers_ = 0;
        next.resume();
        if (done_ || ready_ == nullptr) break;
        // A coroutine that never waits must still let others run: each unwinding costs a unit.
        if (!charge()) break;
        next = std::exchange(ready_, nullptr)->handle();
    }
    exec.line = outer;
    return done_;
}

bool context::prepare_drop() noexcept {
    bool may_drop = true;
    for (detail::group_link* group = groups_.front(); group != nullptr;
         group = groups_.after(*group))
        may_drop = group->cancel_children(*group) && may_drop;
    if (leaf_ != nullptr && leaf_->kind->prepare_drop != nullptr)
        may_drop = leaf_->kind->prepare_drop(*leaf_) && may_drop;
    return may_drop;
}

void context::drop() noexcept {
    detail::execution& exec = execution();
    context* const outer = std::exchange(exec.line, this);
    detail::promise_base* frame = leaf_ != nullptr ? leaf_->frame : ready_;
    leaf_ = nullptr;
    ready_ = nullptr;
    // A child dies before its parent, as it would if the parent's destructor did it; but the depth
    // of
    // the chain does not become depth of the stack.
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
