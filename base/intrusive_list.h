#pragma once

#include <edo/base/check.h>

namespace edo::detail {

/// A node of a circular doubly linked list; unlinked nodes point to themselves or nowhere.
struct list_node {
    list_node* prev = nullptr;
    list_node* next = nullptr;

    bool is_linked() const noexcept { return next != nullptr; }

    /// Takes the node out of its list. Requires: it is linked.
    void unlink() noexcept {
        prev->next = next;
        next->prev = prev;
        prev = next = nullptr;
    }
};

/// A doubly linked list of nodes that live elsewhere: insert and remove are O(1) and never
/// allocate. `T` derives from list_node.
/// Thread-safe: no; the owner's lock protects it.
template <class T>
class intrusive_list {
public:
    intrusive_list() noexcept { head_.prev = head_.next = &head_; }

    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;

    bool is_empty() const noexcept { return head_.next == &head_; }

    bool has_one_at_most() const noexcept { return head_.next == head_.prev; }

    void push_back(T& item) noexcept {
        list_node& node = item;
        EDO_ASSERT(!node.is_linked());
        node.prev = head_.prev;
        node.next = &head_;
        head_.prev->next = &node;
        head_.prev = &node;
    }

    void push_front(T& item) noexcept {
        list_node& node = item;
        EDO_ASSERT(!node.is_linked());
        node.prev = &head_;
        node.next = head_.next;
        head_.next->prev = &node;
        head_.next = &node;
    }

    T* front() noexcept { return is_empty() ? nullptr : static_cast<T*>(head_.next); }

    T* back() noexcept { return is_empty() ? nullptr : static_cast<T*>(head_.prev); }

    T* pop_front() noexcept {
        T* item = front();
        if (item != nullptr) static_cast<list_node*>(item)->unlink();
        return item;
    }

    T* pop_back() noexcept {
        if (is_empty()) return nullptr;
        T* const item = static_cast<T*>(head_.prev);
        static_cast<list_node*>(item)->unlink();
        return item;
    }

    void remove(T& item) noexcept { static_cast<list_node&>(item).unlink(); }

    /// The item behind `item`, or null at the end.
    T* after(T& item) noexcept {
        list_node* next = static_cast<list_node&>(item).next;
        return next == &head_ ? nullptr : static_cast<T*>(next);
    }

    /// Moves everything from `other` behind the items of this list.
    void append(intrusive_list& other) noexcept {
        if (other.is_empty()) return;
        other.head_.next->prev = head_.prev;
        head_.prev->next = other.head_.next;
        other.head_.prev->next = &head_;
        head_.prev = other.head_.prev;
        other.head_.prev = other.head_.next = &other.head_;
    }

private:
    list_node head_;
};

}  // namespace edo::detail
