#pragma once

#include <edo/sync/wait/wait_list.h>
#include <edo/task/context.h>

namespace edo::detail {

/// Waits until nobody receives any more; what closed() of each channel's sender returns. `Core` is
/// the part that the ends share.
template <class Core>
class [[nodiscard]] closed_wait {
public:
    static constexpr const char* wait_name = Core::closed_name;

    explicit closed_wait(Core& core) noexcept : core_(core) {}

    closed_wait(closed_wait&& other) noexcept = default;

    ~closed_wait() {
        if (node_.is_known()) core_.abandon_closed(node_);
    }

    bool poll(context& cx) noexcept { return core_.poll_closed(node_, cx); }

    void take() noexcept {}

    /// For the library; see edo::release_line().
    void release_line() noexcept { node_.release_line(); }

private:
    Core& core_;
    wait_node node_;
};

}  // namespace edo::detail
