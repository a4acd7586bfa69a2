#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <edo/base/intrusive_list.h>
#include <edo/base/seam/atomic.h>
#include <edo/base/seam/mutex.h>
#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>

namespace edo::detail {

class cancel_node;

/// Owns one reference to a node.
class cancel_handle {
public:
    cancel_handle() noexcept {}

    explicit cancel_handle(cancel_node& counted) noexcept : node_(&counted) {}

    cancel_handle(const cancel_handle& other) noexcept;

    cancel_handle(cancel_handle&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}

    cancel_handle& operator=(cancel_handle other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }

    ~cancel_handle();

    explicit operator bool() const noexcept { return node_ != nullptr; }

    cancel_node* operator->() const noexcept { return node_; }

    cancel_node& operator*() const noexcept { return *node_; }

private:
    cancel_node* node_ = nullptr;
};

// cancel_node: one token of a tree of cancellation tokens.
//
//            cancel (K), of the node or of an ancestor
//   quiet ─────────────────────────────────────────────► cancelled
//
// The root's mutex protects the links, the waits and the writing of `cancelled_` of the whole tree,
// so a cancellation reaches all descendants at once and a child is made either before or after it.
// A child holds a reference to its parent; so the ancestors of a node, and with them the root's
// mutex, live as long as the node. The list of children does not count: a node leaves it, under the
// mutex, before it is freed, so whoever walks the tree under the mutex sees only nodes with memory.
//
//  mark  where         transition          ordering  pairs with
//  K     cancel        quiet -> cancelled  release   Q: what was done before cancel() is seen
//  Q     is_cancelled  reads               acquire   K
//  N     add_ref       +1                  relaxed   nothing: the caller holds a reference
//  R     drop_ref      -1                  acq_rel   R of the others: the last one frees
//
// Dropping a wait takes the mutex; dropping the last handle unlinks the node and releases the
// parent. Model: tests/model/cancel_tree_model.cpp.
class cancel_node : public list_node {
public:
    static cancel_handle make_root();
    static cancel_handle make_child(const cancel_handle& parent);
    cancel_node(const cancel_node&) = delete;
    cancel_node& operator=(const cancel_node&) = delete;

    void cancel() noexcept;

    bool is_cancelled() const noexcept { return cancelled_.load(acquire); }  // Q

    bool poll(wait_node& node, const context& cx) noexcept;
    void abandon(wait_node& node) noexcept;

    void add_ref() noexcept { refs_.fetch_add(1, relaxed); }  // N

    void drop_ref() noexcept;

private:
    cancel_node() noexcept : root_(*this) {}

    explicit cancel_node(cancel_node& parent) noexcept : root_(parent.root_), parent_(&parent) {}

    static void* operator new(std::size_t size);
    static void operator delete(void* memory, std::size_t size) noexcept;

    cancel_node* next_in_tree(cancel_node* below) noexcept;

    atomic<std::uint32_t> refs_{1};
    atomic<bool> cancelled_{false};
    mutex mutex_;  // used in the root only
    cancel_node& root_;
    cancel_node* const parent_ = nullptr;  // counted
    intrusive_list<cancel_node> children_;
    wait_list waiting_;
};

inline cancel_handle::cancel_handle(const cancel_handle& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->add_ref();
}

inline cancel_handle::~cancel_handle() {
    if (node_ != nullptr) node_->drop_ref();
}

}  // namespace edo::detail
