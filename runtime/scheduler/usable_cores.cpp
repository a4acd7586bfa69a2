#include <edo/runtime/scheduler/usable_cores.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include <edo/base/seam/sys.h>

namespace edo::detail {
namespace {

std::string first_line_of(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The paths of this process's control groups: "0::/a/b" (version 2), "4:cpu,cpuacct:/a/b" (version
/// 1).
struct group_paths {
    std::string v2;
    std::string v1;
};

group_paths own_groups(const std::string& root) {
    group_paths found;
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
        if (controllers == ",,") found.v2 = line.substr(second + 1);
        if (controllers.find(",cpu,") != std::string::npos) found.v1 = line.substr(second + 1);
    }
    return found;
}

/// Of limits of which 0 is none.
unsigned smaller_limit(unsigned a, unsigned b) noexcept {
    return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

/// Calls `read(folder)` for a group and all above it; a quota of any of them holds.
template <class Read>
unsigned tightest(const std::string& root, std::string group, Read read) {
    unsigned least = 0;
    for (;;) {
        least = smaller_limit(least, read(root + group));
        const std::size_t last = group.rfind('/');
        if (last == std::string::npos) return least;
        group.erase(last);
    }
}

}  // namespace

unsigned cores_of_quota(std::string_view text) noexcept {
    unsigned long long quota = 0, period = 0;
    const char* const end = text.data() + text.size();
    const auto [after, failed] = std::from_chars(text.data(), end, quota);
    if (failed != std::errc{} || after == end || *after != ' ' || quota == 0) return 0;
    if (std::from_chars(after + 1, end, period).ec != std::errc{} || period == 0) return 0;
    const unsigned long long cores = quota / period + (quota % period != 0 ? 1 : 0);
    return static_cast<unsigned>(std::min<unsigned long long>(cores, 1U << 20));
}

std::vector<int> usable_cores() {
    std::vector<int> cores;
    // A machine may have more cores than a cpu_set_t has bits; the kernel says so with EINVAL.
    for (std::size_t sets = 1; sets <= 64; sets *= 2) {
        std::vector<cpu_set_t> mask(sets);
        const std::size_t bytes = sets * sizeof(cpu_set_t);
        if (sys::sched_getaffinity(bytes, mask.data()) < 0) continue;
        for (std::size_t core = 0; core < bytes * 8; ++core)
            if (CPU_ISSET_S(core, bytes, mask.data())) cores.push_back(static_cast<int>(core));
        break;
    }
    if (cores.empty()) cores.push_back(0);
    return cores;
}

unsigned quota_of_own_groups(const std::string& root) {
    const group_paths groups = own_groups(root);
    const std::string mounted = root + "/sys/fs/cgroup";
    const auto quota_v2 = [](const std::string& folder) {
        return cores_of_quota(first_line_of(folder + "/cpu.max"));
    };
    const auto quota_v1 = [](const std::string& folder) {
        return cores_of_quota(first_line_of(folder + "/cpu.cfs_quota_us") + ' ' +
                              first_line_of(folder + "/cpu.cfs_period_us"));
    };
    unsigned least = tightest(mounted, groups.v2, quota_v2);
    // Where both versions are mounted, one of them has the controller.
    least = smaller_limit(least, tightest(mounted + "/unified", groups.v2, quota_v2));
    return smaller_limit(least, tightest(mounted + "/cpu", groups.v1, quota_v1));
}

unsigned default_worker_count() {
    const unsigned cores = static_cast<unsigned>(usable_cores().size());
    const unsigned quota = quota_of_own_groups("");
    return quota == 0 ? cores : std::min(cores, quota);
}

}  // namespace edo::detail
