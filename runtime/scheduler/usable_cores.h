#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace edo::detail {

/// The cores that this process may use, by number: its affinity mask. At least one entry.
std::vector<int> usable_cores();

/// How many workers make sense: the usable cores, limited by quota_of_own_groups(). At least one.
unsigned default_worker_count();

/// The least quota in cores, rounded up, of this process's control groups (version 1 or 2) and all
/// above them; 0 if there is none. `root`: where proc and sys are looked for, "" for the system's.
unsigned quota_of_own_groups(const std::string& root);

/// The quota of a control group in cores, rounded up; 0 if there is none or the text is no quota.
/// `text`: the contents of cpu.max ("200000 100000", "max 100000").
unsigned cores_of_quota(std::string_view text) noexcept;

}  // namespace edo::detail
