#pragma once

#include <optional>

#include <edo/base/result.h>
#include <edo/io/wait/io_handle.h>
#include <edo/io/wait/io_wait.h>
#include <edo/net/socket_addr.h>
#include <edo/timer/wheel/alarm.h>

namespace edo::net {

class accepted;

/// What tcp_listener::accept() returns.
class [[nodiscard]] accept_operation : detail::io_wait {
public:
    static constexpr const char* wait_name = "accept";
    using io_wait::postpone;

    explicit accept_operation(detail::registration* listener) noexcept
        : io_wait(listener, detail::interest::read) {}

    accept_operation(accept_operation&&) noexcept = default;
    accept_operation& operator=(accept_operation&&) = delete;

    bool poll(context& cx) noexcept;
    result<accepted> take() noexcept;

    /// For the library; see edo::release_line().
    void release_line() noexcept {
        io_wait::release_line();
        if (pause_) pause_->release_line();
    }

private:
    std::optional<detail::alarm> pause_;
    duration next_pause_{};
    socket_addr peer_;
    detail::io_handle taken_;
    long answer_ = 0;
};

}  // namespace edo::net

namespace edo::detail {

/// accept4() with a record for the new connection. Returns: 0 and the connection, or the kernel's
/// -errno.
long accept_once(int listener, io_handle& taken, net::socket_addr& peer) noexcept;

/// What an error of accept4() means.
enum class accept_trouble {
    none_waiting,    ///< would block
    one_connection,  ///< concerns one connection: take the next
    exhausted,       ///< no descriptors or memory: try again later
    listener,        ///< the listener itself is wrong
};
accept_trouble trouble_of(long error) noexcept;

}  // namespace edo::detail
