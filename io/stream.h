#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <edo/base/result.h>
#include <edo/task/operation.h>

namespace edo::io {

/// What bytes can be read from: `r.read(buffer)` is an operation that yields `result<std::size_t>`,
/// with 0 at the end. A tcp_stream is one, and so is any class of yours with such a member.
template <class R>
concept reader = requires(R& r, std::span<std::byte> buffer) {
    { r.read(buffer) } -> operation;
    { r.read(buffer).take() } -> std::same_as<result<std::size_t>>;
};

/// What bytes can be written to: `w.write_all(data)` is an operation that yields `result<void>`.
template <class W>
concept writer = requires(W& w, std::span<const std::byte> data) {
    { w.write_all(data) } -> operation;
    { w.write_all(data).take() } -> std::same_as<result<void>>;
};

/// A writer whose side can be ended while the other goes on: `w.shutdown_write()` yields
/// `result<void>`.
template <class W>
concept half_closable = writer<W> && requires(W& w) {
    { w.shutdown_write() } -> std::same_as<result<void>>;
};

}  // namespace edo::io
