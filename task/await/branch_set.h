#pragma once

#include <cstddef>
#include <tuple>
#include <utility>

#include <edo/task/await/branch.h>

namespace edo::detail {

/// The branches of a select or join, in the order in which they were passed.
template <class... As>
class branch_set {
public:
    bool prepare_drop() noexcept {
        return std::apply([](auto&... b) { return (b.prepare_drop() & ... & true); }, branches_);
    }

    void release_line() noexcept {
        std::apply([](auto&... b) { (b.release_line(), ...); }, branches_);
    }

    void visit_branches(void (*seen)(void* to, const context& branch), void* to) {
        std::apply([&](auto&... b) { (show_branch(b, seen, to), ...); }, branches_);
    }

protected:
    static constexpr std::size_t count = sizeof...(As);
    static_assert(count >= 1 && count <= 64, "select and join take 1 to 64 branches");

    // Each branch is made where it stays: a move would read what has only just been written, in
    // other pieces, which stalls a processor for longer than all else that is done here.
    explicit branch_set(As&&... operands) : branches_(std::forward<As>(operands)...) {}

    branch_set(branch_set&& other) : branches_(std::move(other.branches_)) {}

    branch_set& operator=(branch_set&&) = delete;

    ~branch_set() { drop_all(); }

    template <std::size_t I>
    auto& branch_at() noexcept {
        return std::get<I>(branches_);
    }

    void drop_all() noexcept {
        std::apply([](auto&... b) { (b.drop(), ...); }, branches_);
    }

private:
    std::tuple<branch<As>...> branches_;
};

}  // namespace edo::detail
