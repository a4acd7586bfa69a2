#include <edo/sync/wait/wait_list.h>

#include <edo/base/seam/census.h>

namespace edo::detail {

void wait_list::wait(wait_node& node, wake_target whom) noexcept {
    node.target_ = whom;
    node.fired_.store(false, relaxed);  // the lock publishes it
    if (node.is_linked()) return;
    nodes_.push_back(node);
    EDO_CENSUS(operation, 1);
}

void wait_list::fire_each(wake_batch& woken) noexcept {
    while (wait_node* const first = nodes_.front())
        fire(*first, woken);
}

bool wait_list::forget(wait_node& node) noexcept {
    if (node.is_linked()) {
        nodes_.remove(node);
        EDO_CENSUS(operation, -1);
    }
    const bool was_fired = node.is_fired();
    node.forget_fired();
    return was_fired;
}

}  // namespace edo::detail
