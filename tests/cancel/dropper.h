#pragma once

#include "../support/event.h"
#include <cstdint>
#include <optional>
#include <utility>

#include <edo/base/random.h>
#include <edo/sync/cancellation_token.h>
#include <edo/task/await/branch.h>
#include <edo/task/select.h>
#include <edo/task/task.h>
#include <edo/task/yield.h>

namespace edo::testing {

/// Polls an operation or task and drops it at its n-th pending poll: at its n-th suspension point.
/// Yields what the operand yielded, or nothing if it was dropped.
template <class A>
class [[nodiscard]] drop_at_poll {
public:
    static constexpr bool is_combinator = true;
    using stored = edo::detail::stored_t<edo::detail::yielded_t<A>>;

    drop_at_poll(A&& operand, unsigned pending_poll)
        : inner_(std::forward<A>(operand)), left_(pending_poll) {}

    drop_at_poll(drop_at_poll&& other) : inner_(std::move(other.inner_)), left_(other.left_) {}

    bool poll(context& cx) noexcept {
        if (left_ != 0) {
            if (inner_.poll(cx)) {
                taken_.emplace(
                    edo::detail::store([&]() -> decltype(auto) { return inner_.take(); }));
                left_ = 0;
            } else if (--left_ != 0) {
                return false;
            }
        }
        if (!inner_.prepare_drop()) return false;
        inner_.drop();
        return true;
    }

    std::optional<stored> take() { return std::move(taken_); }

    bool prepare_drop() noexcept { return inner_.prepare_drop(); }

private:
    edo::detail::branch<A> inner_;
    unsigned left_;
    std::optional<stored> taken_;
};

/// How one round of a case drops its operation: at a suspension point that is counted out, or when
/// another task says so, at a moment that is shifted from round to round and races with the
/// completion.
class dropper {
public:
    /// 0: before the first poll.
    static dropper at_suspension(unsigned n) { return dropper(n, 0); }

    static dropper racing(std::uint64_t seed) { return dropper(std::nullopt, seed); }

    /// Runs `operand` and drops it. Yields what it yielded, or nothing.
    template <class A>
    task<std::optional<edo::detail::stored_t<edo::detail::yielded_t<A>>>> run(A operand) {
        if (at_ == 0u) {
            attempted_.cancel();
            co_return std::nullopt;
        }
        if (at_) {
            auto out = co_await drop_at_poll<A>(std::move(operand), *at_);
            completed_ = out.has_value();
            attempted_.cancel();
            co_return out;
        }
        auto out = co_await edo::select(std::move(operand), stop_.wait());
        completed_ = out.index() == 0;
        if (!completed_) co_return std::nullopt;
        co_return std::move(std::get<0>(out));
    }

    /// Says when: awaited by a second task, beside whatever completes the operation.
    task<> drop_later() {
        edo::detail::random coin(seed_);
        const std::uint32_t turns = coin.below(4);
        for (std::uint32_t i = 0; i < turns; ++i)
            co_await edo::yield_now();
        for (std::uint32_t i = coin.below(2000); i != 0; --i)
            edo::detail::spin_hint();
        if (!at_) stop_.raise();
    }

    /// A pause of a length that differs from round to round, for whoever completes the operation.
    /// When the operation is to be dropped at its first suspension point or before, only then: so
    /// that one drop wins for certain, however the machine's threads are scheduled.
    task<> shift() {
        if (at_ && *at_ <= 1) co_await attempted_.cancelled();
        edo::detail::random coin(seed_ * 31 + 7);
        const std::uint32_t turns = coin.below(4);
        for (std::uint32_t i = 0; i < turns; ++i)
            co_await edo::yield_now();
        for (std::uint32_t i = coin.below(2000); i != 0; --i)
            edo::detail::spin_hint();
    }

    /// For operations that are asked afterwards how far they came: ends when the operation is to
    /// go.
    event::wait_operation when_dropped() {
        if (at_) {
            stop_.raise();
            attempted_.cancel();
        }
        return stop_.wait();
    }

    std::uint64_t seed() const noexcept { return seed_; }

    /// For operations that are not dropped by run().
    void note(bool completed) noexcept { completed_ = completed; }

    bool has_completed() const noexcept { return completed_; }

private:
    dropper(std::optional<unsigned> at, std::uint64_t seed) : at_(at), seed_(seed) {}

    std::optional<unsigned> at_;  // none: when drop_later() says
    std::uint64_t seed_;
    event stop_;
    edo::sync::cancellation_token attempted_;  // several wait for it
    bool completed_ = false;
};

}  // namespace edo::testing
