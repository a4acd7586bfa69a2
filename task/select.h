#pragma once

#include <cstddef>
#include <cstdint>
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

    bool poll(context& cx) noexcept { return poll_inline(cx); }

    /// The same, for the coroutine that awaits: with branches that are ready at once, a call would
    /// be a quarter of the work. Not for each poll: combinators in combinators would multiply.
    [[gnu::always_inline]] bool poll_inline(context& cx) noexcept {
        if (winner_ == nobody && !poll_branches(cx)) return false;
        if (!this->prepare_drop()) return false;
        drop_losers(std::index_sequence_for<As...>{});
        return true;
    }

    result_variant take() { return take_winner<0>(); }

private:
    static std::size_t choose_first(const context& cx) noexcept {
        if constexpr (Biased || count == 1) {
            return 0;
        } else if constexpr (count == 2) {
            return cx.execution().choices->coin() ? 1 : 0;
        } else {
            return cx.execution().choices->below(static_cast<std::uint32_t>(count));
        }
    }

    /// Returns: true when there is a winner.
    [[gnu::always_inline]] bool poll_branches(context& cx) noexcept {
        const std::size_t first = choose_first(cx);
        std::size_t i = first;
        do {
            const bool is_ready = set::with_index(i, [&](auto index) {
                return this->template branch_at<index()>().poll_if_woken(cx);
            });
            if (is_ready) {
                winner_ = i;
                return true;
            }
            i = i + 1 < count ? i + 1 : 0;
        } while (i != first);
        return false;
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
