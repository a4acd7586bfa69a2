#include <edo/task/local/bound_value.h>

#include <source_location>

#include <edo/base/check.h>
#include <edo/task/task_local.h>

namespace edo::detail {

spawned_locals::spawned_locals(const bound_value* chain) {
    try {
        for (const bound_value* at = chain; at != nullptr; at = at->outer) {
            if (find(at->key()) != nullptr) continue;  // hidden by an inner one
            bound_value* const copy = at->copy_for_spawn();
            if (copy == nullptr) continue;
            copy->next = first_;
            first_ = copy;
        }
    } catch (...) {
        clear();
        throw;
    }
}

spawned_locals::~spawned_locals() {
    clear();
}

void spawned_locals::clear() noexcept {
    while (first_ != nullptr)
        delete std::exchange(first_, first_->next);
}

const bound_value* spawned_locals::find(const void* key) const noexcept {
    const bound_value* at = first_;
    while (at != nullptr && at->key() != key)
        at = at->next;
    return at;
}

bound_value* spawned_locals::link(bound_value* chain) noexcept {
    for (bound_value* at = first_; at != nullptr; at = at->next) {
        at->outer = chain;
        chain = at;
    }
    return chain;
}

bound_value* locals_here() noexcept {
    const execution* const here = current_execution();
    return here != nullptr ? here->locals : nullptr;
}

void fail_unbound(std::source_location site) noexcept {
    fail(
        "value() of an edo::task_local was called outside of its scopes; put the work into "
        "co_await key.scope(value, work), or ask with get()",
        site);
}

}  // namespace edo::detail
