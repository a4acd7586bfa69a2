#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

#include <edo/base/result.h>
#include <edo/task/await/branch_set.h>

namespace edo {
namespace detail {

/// Polls all branches until each is ready; see join() and try_join().
///
///   polling ──all are ready, or one has failed──► settling ──the rest may go──► done
///
/// The branch that is polled first changes from poll to poll, so that none eats the task's budget.
template <bool StopsAtError, class... As>
class [[nodiscard]] join_combinator : public branch_set<As...> {
    using set = branch_set<As...>;
    using set::count;

    template <class T>
    struct unwrapped {
        using type = T;
    };

    template <class T>
    struct unwrapped<result<T>> {
        using type = std::conditional_t<StopsAtError, T, result<T>>;
    };
    template <class A>
    using value_t = stored_t<typename unwrapped<std::remove_cv_t<yielded_t<A>>>::type>;
    using values = std::tuple<value_t<As>...>;

public:
    static constexpr bool is_combinator = true;
    static constexpr const char* wait_name = StopsAtError ? "try_join" : "join";

    explicit join_combinator(As&&... operands) : set(std::forward<As>(operands)...) {}

    join_combinator(join_combinator&& other) : set(std::move(other)) {}

    join_combinator& operator=(join_combinator&&) = delete;

    ~join_combinator() { this->drop_all(); }  // before what is kept goes

    bool poll(context& cx) noexcept {
        if (!has_failed()) {
            const std::size_t first = next_first_;
            next_first_ = next_first_ + 1 < count ? next_first_ + 1 : 0;
            for (std::size_t k = 0; k < count && !has_failed(); ++k) {
                const std::size_t i = first + k < count ? first + k : first + k - count;
                if ((done_ & (std::uint64_t{1} << i)) != 0) continue;
                set::with_index(i, [&](auto index) { poll_branch<index()>(cx); });
            }
            if (!has_failed() && ready_ < count) return false;
        }
        if (!this->prepare_drop()) return false;
        this->drop_all();
        return true;
    }

    auto take() {
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
        if constexpr (StopsAtError) {
            return take_result();
        } else {
            return take_values();
        }
    }

private:
    bool has_failed() const noexcept { return exception_ != nullptr || static_cast<bool>(error_); }

    template <std::size_t I>
    void poll_branch(context& cx) noexcept {
        auto& b = this->template branch_at<I>();
        if (!b.poll_if_woken(cx)) return;
        done_ |= std::uint64_t{1} << I;
        ++ready_;
        try {
            keep<I>(b);
        } catch (...) {
            exception_ = std::current_exception();
        }
    }

    template <std::size_t I, class Branch>
    void keep(Branch& b) {
        using yielded = std::remove_cvref_t<decltype(b.take())>;
        if constexpr (StopsAtError && is_result_v<yielded>) {
            yielded r = b.take();
            if (!r) {
                error_ = r.error();
            } else if constexpr (std::is_void_v<typename yielded::value_type>) {
                std::get<I>(kept_).emplace();
            } else {
                std::get<I>(kept_).emplace(std::move(*r));
            }
        } else {
            std::get<I>(kept_).emplace(store([&]() -> decltype(auto) { return b.take(); }));
        }
        b.drop();  // an ended branch frees its frame before the others end
    }

    values take_values() {
        return std::apply([](auto&... v) { return values(std::move(*v)...); }, kept_);
    }

    result<values> take_result() {
        if (error_) return error_;
        return take_values();
    }

    std::tuple<std::optional<value_t<As>>...> kept_;
    std::uint64_t done_ = 0;
    std::size_t ready_ = 0;
    std::size_t next_first_ = 0;
    std::error_code error_;
    std::exception_ptr exception_;
};

}  // namespace detail

/// Waits for all of several operations or tasks, which run in turn within the calling task.
///
///     auto all = co_await edo::join(fa(), fb(), fc());   // std::tuple of what they yield
///
/// Void counts as std::monostate, a reference as a pointer. The first exception drops the rest and
/// is rethrown. Nothing is spawned or allocated; only branches that were woken are polled, each
/// time beginning with another one.
/// Cancellation: drops all branches; results of those that had ended are lost.
template <class... As>
    requires(detail::branch_operand<As> && ...)
auto join(As&&... branches) {
    return detail::join_combinator<false, As...>(std::forward<As>(branches)...);
}

/// As join(), but the first branch that yields an error drops the rest.
///
///     auto both = co_await edo::try_join(ga(), gb());    // result<std::tuple<...>>
///
/// Errors: that of the branch that failed first.
template <class... As>
    requires(detail::branch_operand<As> && ...)
auto try_join(As&&... branches) {
    return detail::join_combinator<true, As...>(std::forward<As>(branches)...);
}

}  // namespace edo
