#pragma once

#include <cstdint>
#include <sys/epoll.h>

#include <edo/io/reactor/readiness.h>

namespace edo::detail {

/// The edges every reactor asks for; poll and epoll number them alike.
inline constexpr std::uint32_t watched_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;

/// What the kernel's events say, in bits of readiness_view.
constexpr std::uint32_t readiness_of(std::uint32_t events) noexcept {
    using view = readiness_view;
    std::uint32_t bits = 0;
    if ((events & EPOLLIN) != 0) bits |= view::readable;
    if ((events & EPOLLPRI) != 0) bits |= view::readable | view::urgent;
    if ((events & EPOLLOUT) != 0) bits |= view::writable;
    if ((events & EPOLLRDHUP) != 0) bits |= view::readable | view::read_closed;
    if ((events & EPOLLHUP) != 0) bits |= view::everything & ~view::error;
    if ((events & EPOLLERR) != 0) bits |= view::readable | view::writable | view::error;
    return bits;
}

}  // namespace edo::detail
