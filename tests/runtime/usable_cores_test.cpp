#include <edo/runtime/scheduler/usable_cores.h>

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

using edo::detail::cores_of_quota;
using edo::detail::quota_of_own_groups;

TEST(usable_cores, quota_is_rounded_up_to_whole_cores) {
    EXPECT_EQ(cores_of_quota("50000 100000"), 1U);
    EXPECT_EQ(cores_of_quota("100000 100000"), 1U);
    EXPECT_EQ(cores_of_quota("150000 100000"), 2U);
    EXPECT_EQ(cores_of_quota("800000 100000\n"), 8U);
}

TEST(usable_cores, text_that_is_no_quota_limits_nothing) {
    for (const char* none :
         {"", "max 100000", "-1 100000", "100000", "100000 0", "0 100000", "x y"})
        EXPECT_EQ(cores_of_quota(none), 0U) << none;
}

/// A folder that stands for "/": what the kernel says of the groups of a process, made up.
class quota_in_tree : public ::testing::Test {
protected:
    quota_in_tree() {
        std::string name = ::testing::TempDir() + "edo-cgroup-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root = name;
    }

    ~quota_in_tree() override { std::filesystem::remove_all(root); }

    void write(const std::string& file, std::string_view text) const {
        const std::filesystem::path path = root + file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text << '\n';
    }

    void write_groups(std::string_view text) const { write("/proc/self/cgroup", text); }

    void write_v2(const std::string& group, std::string_view text) const {
        write("/sys/fs/cgroup" + group + "/cpu.max", text);
    }

    void write_v1(const std::string& group, std::string_view quota, std::string_view period) const {
        write("/sys/fs/cgroup/cpu" + group + "/cpu.cfs_quota_us", quota);
        write("/sys/fs/cgroup/cpu" + group + "/cpu.cfs_period_us", period);
    }

    unsigned quota() const { return quota_of_own_groups(root); }

    std::string root;
};

TEST_F(quota_in_tree, without_any_file_there_is_none) {
    EXPECT_EQ(quota(), 0U);
}

TEST_F(quota_in_tree, group_without_files_has_none) {
    write_groups("0::/user/shell");
    EXPECT_EQ(quota(), 0U);
}

TEST_F(quota_in_tree, lines_that_name_no_group_are_left_out) {
    write_groups("no group\n0\n0:\n0::/shop");
    write_v2("/shop", "200000 100000");
    EXPECT_EQ(quota(), 2U);
}

TEST_F(quota_in_tree, version_2_has_that_of_the_group) {
    write_groups("0::/shop");
    write_v2("/shop", "300000 100000");
    EXPECT_EQ(quota(), 3U);
}

TEST_F(quota_in_tree, part_of_a_core_is_a_core) {
    write_groups("0::/shop");
    write_v2("/shop", "150000 100000");
    EXPECT_EQ(quota(), 2U);
    write_v2("/shop", "5000 100000");
    EXPECT_EQ(quota(), 1U);
}

TEST_F(quota_in_tree, version_2_has_the_least_of_the_group_and_those_above) {
    write_groups("0::/system/shop/till");
    write_v2("/system", "800000 100000");
    write_v2("/system/shop", "200000 100000");
    write_v2("/system/shop/till", "400000 100000");
    EXPECT_EQ(quota(), 2U);
}

TEST_F(quota_in_tree, group_without_a_limit_has_that_of_its_parent) {
    write_groups("0::/system/shop");
    write_v2("/system", "100000 50000");
    write_v2("/system/shop", "max 100000");
    EXPECT_EQ(quota(), 2U);
}

TEST_F(quota_in_tree, group_whose_parents_file_is_missing_has_its_own) {
    write_groups("0::/system/shop");
    write_v2("/system/shop", "400000 100000");
    EXPECT_EQ(quota(), 4U);
}

TEST_F(quota_in_tree, without_a_limit_anywhere_there_is_none) {
    write_groups("0::/system/shop");
    write_v2("", "max 100000");
    write_v2("/system", "max 100000");
    write_v2("/system/shop", "max 100000");
    EXPECT_EQ(quota(), 0U);
}

// As a container sees it, to which its own group is the root.
TEST_F(quota_in_tree, root_group_may_have_one) {
    write_groups("0::/");
    write_v2("", "200000 100000");
    EXPECT_EQ(quota(), 2U);
}

// As a container sees it that has the path of its group outside: only the root is there.
TEST_F(quota_in_tree, group_that_is_not_to_be_seen_has_that_of_the_root) {
    write_groups("4:cpu,cpuacct:/docker/0123abcd");
    write_v1("", "300000", "100000");
    EXPECT_EQ(quota(), 3U);
}

TEST_F(quota_in_tree, version_1_has_the_least_of_the_group_and_those_above) {
    write_groups("7:memory:/other\n4:cpuacct,cpu:/system/shop\n1:name=systemd:/none");
    write_v1("/system", "100000", "100000");
    write_v1("/system/shop", "250000", "100000");
    write_v1("/other", "50000", "100000");
    EXPECT_EQ(quota(), 1U);
}

TEST_F(quota_in_tree, version_1_without_a_limit_or_with_half_of_its_files_has_none) {
    write_groups("4:cpu:/system/shop");
    write_v1("/system", "-1", "100000");
    write("/sys/fs/cgroup/cpu/system/shop/cpu.cfs_quota_us", "100000");
    EXPECT_EQ(quota(), 0U);
}

TEST_F(quota_in_tree, controller_whose_name_only_contains_cpu_says_nothing) {
    write_groups("3:cpuset:/shop\n2:cpuacct:/shop");
    write_v1("/shop", "100000", "100000");
    EXPECT_EQ(quota(), 0U);
}

TEST_F(quota_in_tree, both_versions_hold_where_both_are_mounted) {
    write_groups("4:cpu:/shop\n0::/system");
    write_v1("/shop", "400000", "100000");
    EXPECT_EQ(quota(), 4U);
    write("/sys/fs/cgroup/unified/system/cpu.max", "300000 100000");
    EXPECT_EQ(quota(), 3U);
    write_v1("/shop", "200000", "100000");
    EXPECT_EQ(quota(), 2U);
}

}  // namespace
