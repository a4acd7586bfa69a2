#pragma once
// Tasks that are only queued, for the models of queues.

#include <cstddef>
#include <edo_check/thread.h>
#include <memory>
#include <source_location>

#include <edo/task/state/header.h>
#include <edo/task/state/scheduler.h>

namespace edo::model {

class no_scheduler final : public detail::root_scheduler {
public:
    void schedule(detail::task_header&) noexcept override {}

    const char* name() const noexcept override { return "none"; }

    void destroy() noexcept override {}
};

/// Its members are plain on purpose: who takes it out of a queue must see what was written before
/// it was put in, and be the only one. The checker watches both.
class token final : public detail::task_header {
public:
    explicit token(detail::scheduler& s)
        : task_header(kind_of, s, std::source_location::current()) {}

    int written = 0;
    int taken = 0;

private:
    static constexpr detail::task_kind kind_of{nullptr, nullptr, nullptr, nullptr};
};

/// The tokens of a scenario.
class tokens {
public:
    static constexpr std::size_t most = 8;

    /// A fresh token, to be queued.
    token& make() {
        auto& fresh = all_[count_++];
        fresh = std::make_unique<token>(scheduler_);
        fresh->init_state(false);
        fresh->written = 1;
        return *fresh;
    }

    /// Notes that `task` came out of a queue. Null is nothing.
    static bool take(detail::task_header* task) {
        if (task == nullptr) return false;
        auto& t = static_cast<token&>(*task);
        edo_check::expect(t.written == 1, "a task was taken that is not what was queued");
        ++t.taken;
        return true;
    }

    void expect_each_taken_once() const {
        for (std::size_t i = 0; i < count_; ++i)
            edo_check::expect(all_[i]->taken == 1,
                              all_[i]->taken == 0 ? "a task was lost" : "a task was taken twice");
    }

private:
    no_scheduler scheduler_;
    std::unique_ptr<token> all_[most];
    std::size_t count_ = 0;
};

}  // namespace edo::model
