#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <edo/base/check.h>
#include <edo/base/result.h>

namespace edo::sync {

/// What became of a message: it is in the channel, or it comes back with the reason.
///
///     auto sent = co_await tx.send(std::move(job));
///     if (!sent) keep(std::move(sent).unsent());
///
/// Converts to result<void> and can stand in or_return. It may be ignored, unlike other results:
/// who does not care whether anybody is there to receive writes `co_await tx.send(e);`.
template <class T>
class send_result : public result<void> {
public:
    /// The message was sent.
    send_result() noexcept {}

    /// The message comes back.
    template <class E>
    send_result(E why, T&& message) noexcept(std::is_nothrow_move_constructible_v<T>)
        : result<void>(why), unsent_(std::move(message)) {}

    /// The message that could not be sent. Requires: this is an error.
    T& unsent() & noexcept { return checked(); }

    T&& unsent() && noexcept { return std::move(checked()); }

private:
    T& checked() noexcept {
        EDO_CHECK(unsent_.has_value(), "unsent() was called although the message was sent");
        return *unsent_;
    }

    std::optional<T> unsent_;
};

}  // namespace edo::sync
