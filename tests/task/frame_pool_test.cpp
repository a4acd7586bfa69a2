// Memory for frames: blocks do not overlap, slabs whose blocks have come back are returned, and a
// process may fork while a thread is in the middle of it.

#include <edo/task/frame/frame_pool.h>

#include "support/child_process.h"
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/random.h>
#include <edo/base/seam/sanitizer.h>
#include <edo/base/seam/sys.h>
#include <edo/base/seam/tuning.h>

namespace {

namespace sys = edo::detail::sys;
using edo::detail::allocate_frame;
using edo::detail::free_frame;

std::vector<void*> allocate_many(std::size_t count, std::size_t size) {
    std::vector<void*> blocks(count);
    for (std::size_t i = 0; i < count; ++i) {
        blocks[i] = allocate_frame(size);
        std::memset(blocks[i], static_cast<int>(i % 251), size);
    }
    return blocks;
}

void free_all(const std::vector<void*>& blocks, std::size_t size) {
    for (void* block : blocks)
        free_frame(block, size);
}

TEST(frame_pool, blocks_do_not_overlap) {
    for (const std::size_t size : {1U, 32U, 33U, 192U, 1000U, 1024U, 1025U, 5000U}) {
        const std::vector<void*> blocks = allocate_many(2'000, size);

        std::size_t spoilt = 0;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto* bytes = static_cast<const unsigned char*>(blocks[i]);
            if (bytes[0] != i % 251 || bytes[size - 1] != i % 251) ++spoilt;
        }

        EXPECT_EQ(spoilt, 0U) << size;
        free_all(blocks, size);
    }
}

TEST(frame_pool, block_of_a_multiple_of_64_bytes_lies_at_one) {
    const std::vector<void*> blocks = allocate_many(1'000, 192);

    std::size_t askew = 0;
    for (void* block : blocks)
        askew += reinterpret_cast<std::uintptr_t>(block) % 64 != 0 ? 1U : 0U;

    EXPECT_EQ(askew, 0U);
    free_all(blocks, 192);
}

TEST(frame_pool, each_block_has_one_owner_whatever_the_order_of_frees) {
    edo::detail::random choices(7);
    std::vector<unsigned char*> live;
    std::size_t spoilt = 0;
    for (std::uint32_t round = 0; round < 200'000; ++round) {
        // Waves of some thousands, so that blocks go to the depot and come back from it.
        const bool grows = (round / 10'000) % 2 == 0;
        if (live.empty() || choices.below(8) < (grows ? 5U : 3U)) {
            auto* const block = static_cast<unsigned char*>(allocate_frame(160));
            std::memset(block, static_cast<int>(reinterpret_cast<std::uintptr_t>(block) >> 5), 160);
            live.push_back(block);
            continue;
        }
        std::swap(live[choices.below(static_cast<std::uint32_t>(live.size()))], live.back());
        unsigned char* const block = live.back();
        const auto mark = static_cast<unsigned char>(reinterpret_cast<std::uintptr_t>(block) >> 5);
        if (block[0] != mark || block[159] != mark) ++spoilt;
        std::memset(block, static_cast<unsigned char>(~mark), 160);  // an owner of it would notice
        free_frame(block, 160);
        live.pop_back();
    }

    EXPECT_EQ(spoilt, 0U);
    for (unsigned char* block : live)
        free_frame(block, 160);
}

TEST(frame_pool, block_may_be_freed_on_another_thread) {
    const std::vector<void*> blocks = allocate_many(5'000, 256);
    std::thread([&] { free_all(blocks, 256); }).join();

    free_all(allocate_many(5'000, 256), 256);
}

// A sanitizer has every block allocated by itself.
#if !EDO_SANITIZED

long mapped_bytes = 0;
long unmap_calls = 0;

void* counting_map(std::size_t bytes, int& error) noexcept {
    mapped_bytes += static_cast<long>(bytes);
    return sys::kernel::map_pages(bytes, error);
}

int counting_unmap(void* pages, std::size_t bytes) noexcept {
    mapped_bytes -= static_cast<long>(bytes);
    ++unmap_calls;
    return sys::kernel::unmap_pages(pages, bytes);
}

int refusing_unmap(void*, std::size_t) noexcept {
    return -ENOMEM;
}

void* refusing_map(std::size_t, int& error) noexcept {
    error = -ENOMEM;
    return nullptr;
}

TEST(frame_pool, slabs_are_returned_but_for_a_few) {
    const sys::table before = sys::current;
    mapped_bytes = 0;
    sys::current.map_pages = &counting_map;
    sys::current.unmap_pages = &counting_unmap;

    const std::vector<void*> blocks = allocate_many(100'000, 900);
    const long most = mapped_bytes;
    free_all(blocks, 900);
    sys::current = before;

    EXPECT_GT(most, 90'000'000);
    // Those kept for the next burst, and those of which the thread keeps a block.
    constexpr long slab_bytes = 32 * 1024;
    EXPECT_LE(mapped_bytes / slab_bytes, long{edo::detail::tuning::unused_slabs_kept} + 64);
}

// Each call interrupts the other processors.
TEST(frame_pool, slabs_of_all_sizes_are_returned_many_in_one_call) {
    const sys::table before = sys::current;
    mapped_bytes = unmap_calls = 0;
    std::vector<void*> small;
    std::vector<void*> large;
    for (unsigned i = 0; i < 50'000; ++i) {
        small.push_back(allocate_frame(500));
        large.push_back(allocate_frame(900));
    }

    sys::current.unmap_pages = &counting_unmap;
    for (unsigned i = 0; i < 50'000; ++i) {
        free_frame(small[i], 500);
        free_frame(large[i], 900);
    }
    sys::current = before;

    constexpr long slab_bytes = 32 * 1024;
    const long returned = -mapped_bytes / slab_bytes;
    EXPECT_GT(returned, 1'000);
    EXPECT_LT(unmap_calls, returned / 16);
}

TEST(frame_pool, slab_that_could_not_be_returned_does_not_keep_the_others) {
    const sys::table before = sys::current;
    const std::vector<void*> first = allocate_many(50'000, 800);
    const std::vector<void*> second = allocate_many(50'000, 800);
    sys::current.unmap_pages = &refusing_unmap;
    free_all(first, 800);

    mapped_bytes = 0;
    sys::current.unmap_pages = &counting_unmap;
    free_all(second, 800);
    sys::current = before;

    EXPECT_LT(mapped_bytes, -39'000'000);
}

TEST(frame_pool, refusal_of_the_kernel_is_bad_alloc_and_passes) {
    const sys::table before = sys::current;
    sys::current.map_pages = &refusing_map;
    std::vector<void*> blocks;

    // The thread and the depot may have blocks of this size yet.
    const auto use_up = [&] {
        for (;;)
            blocks.push_back(allocate_frame(850));
    };

    EXPECT_THROW(use_up(), std::bad_alloc);
    sys::current = before;
    blocks.push_back(allocate_frame(850));
    free_all(blocks, 850);
}

/// A thread that asks the kernel for a slab, with the lock for that, while the main thread forks.
struct fork_meeting {
    const std::string state_of_main =
        "/proc/self/task/" + std::to_string(sys::kernel::gettid()) + "/stat";
    std::atomic<bool> is_mapping = false, begins = false, is_over = false;

    // What is asked must not need a lock, so that nothing else is waited for.
    bool main_sleeps() const noexcept {
        char line[128] = {};
        const int file = ::open(state_of_main.c_str(), O_RDONLY | O_CLOEXEC);
        const ssize_t length = ::read(file, line, sizeof line - 1);
        ::close(file);
        const char* const name_end = length > 0 ? std::strrchr(line, ')') : nullptr;
        return name_end != nullptr && name_end[2] == 'S';
    }
};

fork_meeting* meeting = nullptr;

// Until the fork is over, or waits for the end of this.
void* map_while_main_forks(std::size_t bytes, int& error) noexcept {
    meeting->is_mapping = true;
    meeting->is_mapping.notify_one();
    while (!meeting->begins)
        std::this_thread::yield();
    while (!meeting->is_over && !meeting->main_sleeps())
        std::this_thread::yield();
    return sys::kernel::map_pages(bytes, error);
}

void use_up_slabs() {
    std::vector<void*> blocks;
    while (!meeting->is_mapping)
        blocks.push_back(allocate_frame(1000));
    free_all(blocks, 1000);
}

/// Runs `body` in a process that is forked while another thread has the lock of the slabs. Returns:
/// how that process ends.
template <class F>
std::string end_of_fork_while_a_slab_is_mapped(F body) {
    fork_meeting here;
    meeting = &here;
    free_frame(allocate_frame(700), 700);  // this thread has a slab to give back at its end
    sys::current.map_pages = &map_while_main_forks;
    std::thread other(&use_up_slabs);
    here.is_mapping.wait(false);

    here.begins = true;
    edo::testing::child_process child([&] {
        ::alarm(10);
        sys::current = {};
        body();
    });
    here.is_over = true;
    other.join();
    return child.end();
}

TEST(frame_pool, process_forked_while_another_thread_maps_a_slab_can_exit) {
    edo::testing::child_process outer([] {
        const std::string end = end_of_fork_while_a_slab_is_mapped([] { std::exit(3); });
        EXPECT_EQ(end, "exit 3");
    });

    EXPECT_EQ(outer.end(), "exit 0");
}

TEST(frame_pool, process_forked_while_another_thread_maps_a_slab_has_frames) {
    edo::testing::child_process outer([] {
        const std::string end =
            end_of_fork_while_a_slab_is_mapped([] { free_all(allocate_many(1'000, 900), 900); });
        EXPECT_EQ(end, "exit 0");
    });

    EXPECT_EQ(outer.end(), "exit 0");
}

#endif

}  // namespace
