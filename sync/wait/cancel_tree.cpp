#include <edo/sync/wait/cancel_tree.h>

#include <edo/task/frame/frame_pool.h>

namespace edo::detail {

void* cancel_node::operator new(std::size_t size) {
    return allocate_frame(size);
}

void cancel_node::operator delete(void* memory, std::size_t size) noexcept {
    free_frame(memory, size);
}

cancel_handle cancel_node::make_root() {
    return cancel_handle(*new cancel_node);
}

cancel_handle cancel_node::make_child(const cancel_handle& parent) {
    cancel_node& child = *new cancel_node(*parent);
    parent->add_ref();
    mutex_lock held(child.root_.mutex_);
    if (parent->cancelled_.load(relaxed)) {     // written under the mutex, held here
        child.cancelled_.store(true, relaxed);  // nobody else knows the child yet
    } else {
        parent->children_.push_back(child);
    }
    return cancel_handle(child);
}

void cancel_node::cancel() noexcept {
    if (is_cancelled()) return;
    wake_batch woken;
    mutex_lock held(root_.mutex_);
    for (cancel_node* at = this; at != nullptr; at = next_in_tree(at)) {
        at->cancelled_.store(true, release);  // K
        at->waiting_.fire_all(woken);
    }
}

/// The node after `below` in the subtree of this one, parents before children; null at the end.
cancel_node* cancel_node::next_in_tree(cancel_node* below) noexcept {
    if (cancel_node* const child = below->children_.front()) return child;
    for (; below != this; below = below->parent_)
        if (cancel_node* const sibling = below->parent_->children_.after(*below)) return sibling;
    return nullptr;
}

bool cancel_node::poll(wait_node& node, const context& cx) noexcept {
    // The usual case, once per round of a loop that selects on a token: it waits already. A cancel
    // that comes after the look wakes the node, because it is in the list.
    if (!is_cancelled()) {
        if (node.waits_for(cx)) return false;
    } else if (!node.is_known()) {
        return true;
    }
    mutex_lock held(root_.mutex_);
    if (cancelled_.load(relaxed)) {  // written under the mutex, held here
        waiting_.forget(node);
        return true;
    }
    waiting_.wait(node, cx);
    return false;
}

void cancel_node::abandon(wait_node& node) noexcept {
    mutex_lock held(root_.mutex_);
    waiting_.forget(node);
}

void cancel_node::drop_ref() noexcept {
    // A loop and not a recursion: the last handle of a long chain frees all of it.
    cancel_node* node = this;
    while (node != nullptr && node->refs_.fetch_sub(1, acq_rel) == 1) {  // R
        cancel_node* const parent = node->parent_;
        if (parent != nullptr) {
            mutex_lock held(node->root_.mutex_);
            if (node->is_linked()) node->unlink();
        }
        delete node;
        node = parent;
    }
}

}  // namespace edo::detail
