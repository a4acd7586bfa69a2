#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
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

    template <std::size_t I>
    auto& branch_at() noexcept {
        return std::get<I>(branches_);
    }

    /// Calls `use` with `i` as a constant. By halves: for the few branches that there are mostly,
    /// that is quicker than a table of functions, which no compiler looks into.
    template <std::size_t Low = 0, std::size_t High = count, class Use>
    static auto with_index(std::size_t i, Use use) {
        if constexpr (High - Low == 1) {
            return use(std::integral_constant<std::size_t, Low>{});
        } else {
            constexpr std::size_t middle = (Low + High) / 2;
            if (i < middle) return with_index<Low, middle>(i, use);
            return with_index<middle, High>(i, use);
        }
    }

    void drop_all() noexcept {
        std::apply([](auto&... b) { (b.drop(), ...); }, branches_);
    }

private:
    std::tuple<branch<As>...> branches_;
};

}  // namespace edo::detail
