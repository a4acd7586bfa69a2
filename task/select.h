#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <variant>

#include <edo/base/random.h>
#include <edo/task/await/branch_set.h>

namespace edo {
namespace detail {

/// Polls several branches until the first is ready; see select().
///
///   polling ──a branch is ready──► settling ──every loser may go──► done
///
/// While settling the losers are asked to end; only one that owns tasks on other workers makes it
/// wait. The losers are destroyed before poll() says true. The winner keeps what it yields until
/// take(): if all is dropped before, it hands on what it was given, as any operation does.
template <bool Biased, class... As>
class [[nodiscard]] select_combinator : public branch_set<As...> {
    using set = branch_set<As...>;
    using set::count;
    using result_variant = std::variant<stored_t<yielded_t<As>>...>;

public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = "select";

    explicit select_combinator(As&&... operands) : set(std::forward<As>(operands)...) {}

    select_combinator(select_combinator&& other) : set(std::move(other)) {}

    select_combinator& operator=(select_combinator&&) = delete;

    bool poll(context& cx) noexcept {
        if (winner_ == nobody) {
            const std::size_t first =
                Biased || count == 1
                    ? 0
                    : cx.execution().choices->below(static_cast<std::uint32_t>(count));
            for (std::size_t k = 0; k < count && winner_ == nobody; ++k) {
                const std::size_t i = first + k < count ? first + k : first + k - count;
                if (poll_at[i](*this, cx)) winner_ = i;
            }
            if (winner_ == nobody) return false;
        }
        if (!this->prepare_drop()) return false;
        drop_losers(std::index_sequence_for<As...>{});
        return true;
    }

    result_variant take() { return take_winner<0>(); }

private:
    template <std::size_t I>
    static bool poll_branch(select_combinator& self, context& cx) noexcept {
        auto& b = self.template branch_at<I>();
        return b.is_woken() && b.poll(cx);
    }

    // One comparison after the other, and no table of functions: what these would return has to be
    // put together in memory and read back at once, which stalls.
    template <std::size_t I>
    result_variant take_winner() {
        if constexpr (I + 1 < count) {
            if (winner_ != I) return take_winner<I + 1>();
        }
        auto& b = this->template branch_at<I>();
        const drop_at_end guard(b);
        return result_variant(std::in_place_index<I>,
                              store([&]() -> decltype(auto) { return b.take(); }));
    }

    template <std::size_t... I>
    static constexpr auto make_polls(std::index_sequence<I...>) {
        return std::array<bool (*)(select_combinator&, context&) noexcept, count>{
            &poll_branch<I>...};
    }

    static constexpr auto poll_at = make_polls(std::index_sequence_for<As...>{});

    template <std::size_t... I>
    void drop_losers(std::index_sequence<I...>) noexcept {
        ((I != winner_ ? this->template branch_at<I>().drop() : void()), ...);
    }

    static constexpr std::size_t nobody = count;

    std::size_t winner_ = nobody;
};

}  // namespace detail

/// Waits until the first of several operations or tasks is ready, and drops the others.
///
///     auto r = co_await edo::select(rx.recv(), stream.read(buffer), edo::sleep(5s));
///     switch (r.index()) {
///         case 0: use(std::get<0>(r)); break;
///         ...
///
/// Yields a std::variant with one alternative per branch, in order; void counts as std::monostate,
/// a reference as a pointer. An exception of the branch that ended first is rethrown. If several
/// are ready the choice is random, from the runtime's seed. The losers are destroyed before select
/// returns; what that loses says the `Cancellation:` line of each operation. A branch that is
/// passed as a variable (an lvalue) is not destroyed: it goes on where it was when it is passed to
/// a select again. Of no branch at all none is ever ready: that does not compile.
///
/// All branches run within the calling task, one at a time: nothing is spawned or allocated (but
/// the line of a task in a variable, once), and only branches that were woken are polled.
/// Cancellation: drops all branches that it owns.
template <class... As>
    requires(sizeof...(As) != 0 && (detail::branch_operand<As> && ...))
auto select(As&&... branches) {
    return detail::select_combinator<false, As...>(std::forward<As>(branches)...);
}

/// As select(), but if several branches are ready the one named first wins.
template <class... As>
    requires(sizeof...(As) != 0 && (detail::branch_operand<As> && ...))
auto select_biased(As&&... branches) {
    return detail::select_combinator<true, As...>(std::forward<As>(branches)...);
}

}  // namespace edo
