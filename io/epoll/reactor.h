#pragma once

#include <memory>

#include <edo/base/seam/tuning.h>
#include <edo/base/unique_fd.h>
#include <edo/io/notifier/notifier.h>
#include <edo/io/reactor/reactor.h>

namespace edo::detail {

/// A reactor on edge-triggered epoll. The record's address is the event's data.
class epoll_reactor final : public reactor {
public:
    static result<std::unique_ptr<reactor>> create();
    ~epoll_reactor() override;

    reactor_kind kind() const noexcept override { return reactor_kind::epoll; }

    std::error_code attach(registration& r) noexcept override;
    detachment detach(registration& r) noexcept override;
    using reactor::poll;
    unsigned poll(duration limit, unsigned most) noexcept override;

    void wake() noexcept override { notifier_.notify(); }

    void shutdown() noexcept override;

private:
    struct wait_batch;

    epoll_reactor() = default;
    int open() noexcept;
    int wait(wait_batch& batch, duration limit) noexcept;
    int wait_without_pwait2(wait_batch& batch, duration limit) noexcept;
    void free_those_that_left() noexcept;

    unique_fd epoll_;
    notifier notifier_;
    unique_fd alarm_;  // a timerfd, where epoll_pwait2 is missing
    bool has_pwait2_ = true;
    bool is_shut_down_ = false;  // events may name records that are gone
};

}  // namespace edo::detail
