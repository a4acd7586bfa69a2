#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <edo/base/result.h>
#include <edo/io/wait/io_handle.h>
#include <edo/io/wait/io_wait.h>
#include <edo/net/socket_addr.h>

namespace edo::net {

class tcp_stream;

/// What tcp_stream::connect() returns.
class [[nodiscard]] connect_operation : detail::io_wait {
public:
    static constexpr const char* wait_name = "connect";
    using io_wait::release_line;

    explicit connect_operation(const socket_addr& addr) noexcept
        : io_wait(nullptr, detail::interest::write), one_(addr), is_list_(false) {}

    explicit connect_operation(std::span<const socket_addr> addrs) noexcept
        : io_wait(nullptr, detail::interest::write), list_(addrs), is_list_(true) {}

    connect_operation(connect_operation&& other) noexcept = default;
    connect_operation& operator=(connect_operation&&) = delete;

    ~connect_operation() { end_wait(); }  // before the socket goes

    bool poll(context& cx) noexcept;
    result<tcp_stream> take() noexcept;

private:
    std::span<const socket_addr> addrs() const noexcept {
        return is_list_ ? list_ : std::span(&one_, 1);
    }

    bool begin(const socket_addr& addr) noexcept;
    bool finish(const socket_addr& addr, long so_error) noexcept;

    socket_addr one_;
    std::span<const socket_addr> list_;
    std::size_t next_ = 0;  // the address to be tried next
    detail::io_handle socket_;
    std::int32_t error_ = 0;  // of the last attempt, as -errno
    bool is_list_;
};

}  // namespace edo::net
