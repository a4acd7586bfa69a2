#pragma once

// The operations that move bytes through a stream. Each tries its call at once and waits for
// readiness only when the call would block; see io/wait/io_wait.h. What each promises stands at the
// functions that make them, in tcp_input.h and tcp_output.h.

#include <cstddef>
#include <cstdint>
#include <span>

#include <edo/base/result.h>
#include <edo/io/wait/io_wait.h>

namespace edo::detail {

/// What the operations below have in common: an answer, as of io_wait, that take() makes a result.
class transfer : public io_wait {
protected:
    using io_wait::io_wait;

    /// Ends a poll. Returns: false when the answer is pending.
    bool finish(long answer) noexcept {
        answer_ = answer;
        if (answer == pending) return false;
        end_wait();
        return true;
    }

    long answer_ = 0;
};

}  // namespace edo::detail

namespace edo::net {

/// What read() and peek() return.
class [[nodiscard]] read_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "read";
    using transfer::postpone, transfer::release_line;

    enum class mode : std::uint8_t { take, look };

    read_operation(detail::registration* r, std::span<std::byte> buffer, mode how) noexcept
        : transfer(r, detail::interest::read), how_(how), buffer_(buffer) {}

    bool poll(context& cx) noexcept;
    result<std::size_t> take() noexcept;

private:
    mode how_;
    std::span<std::byte> buffer_;
};

/// What read_vectored() returns.
class [[nodiscard]] read_vectored_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "read";
    using transfer::postpone, transfer::release_line;

    read_vectored_operation(detail::registration* r,
                            std::span<const std::span<std::byte>> buffers) noexcept
        : transfer(r, detail::interest::read), buffers_(buffers) {}

    bool poll(context& cx) noexcept;
    result<std::size_t> take() noexcept;

private:
    std::span<const std::span<std::byte>> buffers_;
};

/// What read_exact() returns.
class [[nodiscard]] read_exact_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "read_exact";
    using transfer::postpone, transfer::release_line;

    read_exact_operation(detail::registration* r, std::span<std::byte> buffer) noexcept
        : transfer(r, detail::interest::read), buffer_(buffer) {}

    bool poll(context& cx) noexcept;
    result<void> take() noexcept;

    /// How many bytes have come so far; they stand at the front of the buffer.
    std::size_t transferred() const noexcept { return done_; }

private:
    std::span<std::byte> buffer_;
    std::size_t done_ = 0;
};

/// What write() returns.
class [[nodiscard]] write_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "write";
    using transfer::postpone, transfer::release_line;

    write_operation(detail::registration* r, std::span<const std::byte> data) noexcept
        : transfer(r, detail::interest::write), data_(data) {}

    bool poll(context& cx) noexcept;
    result<std::size_t> take() noexcept;

private:
    std::span<const std::byte> data_;
};

/// What write_vectored() returns.
class [[nodiscard]] write_vectored_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "write";
    using transfer::postpone, transfer::release_line;

    write_vectored_operation(detail::registration* r,
                             std::span<const std::span<const std::byte>> data) noexcept
        : transfer(r, detail::interest::write), data_(data) {}

    bool poll(context& cx) noexcept;
    result<std::size_t> take() noexcept;

private:
    std::span<const std::span<const std::byte>> data_;
};

/// What write_all() returns.
class [[nodiscard]] write_all_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "write_all";
    using transfer::postpone, transfer::release_line;

    write_all_operation(detail::registration* r, std::span<const std::byte> data) noexcept
        : transfer(r, detail::interest::write), data_(data) {}

    bool poll(context& cx) noexcept;
    result<void> take() noexcept;

    /// How many bytes the kernel has taken so far.
    std::size_t transferred() const noexcept { return done_; }

private:
    std::span<const std::byte> data_;
    std::size_t done_ = 0;
};

/// What write_all_vectored() returns.
class [[nodiscard]] write_all_vectored_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "write_all";
    using transfer::postpone, transfer::release_line;

    write_all_vectored_operation(detail::registration* r,
                                 std::span<const std::span<const std::byte>> data) noexcept
        : transfer(r, detail::interest::write), data_(data) {}

    bool poll(context& cx) noexcept;
    result<void> take() noexcept;

    /// How many bytes the kernel has taken so far.
    std::size_t transferred() const noexcept { return done_; }

private:
    void advance(std::size_t n) noexcept;

    std::span<const std::span<const std::byte>> data_;  // what is left, from
    std::size_t skip_ = 0;                              // this byte of its first piece
    std::size_t done_ = 0;
};

/// What readable() and writable() return.
class [[nodiscard]] ready_operation : detail::transfer {
public:
    static constexpr const char* wait_name = "readiness";
    using transfer::postpone, transfer::release_line;

    ready_operation(detail::registration* r, detail::interest what) noexcept : transfer(r, what) {}

    bool poll(context& cx) noexcept;
    result<void> take() noexcept;
};

}  // namespace edo::net

namespace edo::detail {

/// The calls without waiting, of try_read() and its like. Returns: an answer as of io_wait.
long try_read(registration* r, std::span<std::byte> buffer) noexcept;
long try_write(registration* r, std::span<const std::byte> data) noexcept;

/// shutdown(SHUT_WR).
result<void> end_output(const registration* r) noexcept;

/// An answer as a result.
result<std::size_t> count_of(long answer) noexcept;
result<void> done_or_error(long answer) noexcept;

}  // namespace edo::detail
