// A shared library that has Edo in it and is unloaded again (dlclose), as the plugins of a server
// are: see plugin/plugin.cpp.

#include "net/io_loop.h"
#include "plugin/plugin.h"
#include "support/child_process.h"
#include "support/open_files.h"
#include <chrono>
#include <cstddef>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <malloc.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include <edo/base/seam/sanitizer.h>

namespace edo::testing {
namespace {

using namespace std::chrono_literals;

bool is_loaded() {
    void* const found = ::dlopen(EDO_TEST_PLUGIN, RTLD_NOW | RTLD_NOLOAD);
    if (found != nullptr) ::dlclose(found);
    return found != nullptr;
}

/// The plugin, loaded while this lives.
class plugin {
public:
    plugin() : library_(::dlopen(EDO_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL)) {
        EXPECT_NE(library_, nullptr) << ::dlerror();
        if (library_ != nullptr)
            use_ = reinterpret_cast<decltype(&use_edo)>(::dlsym(library_, "use_edo"));
    }

    plugin(const plugin&) = delete;

    ~plugin() {
        if (library_ != nullptr) ::dlclose(library_);
    }

    /// Runtimes of all kinds, one after the other, each with traffic.
    void use() const {
        ASSERT_NE(use_, nullptr);
        for (const reactor_kind kind : reactors_here())
            for (const unsigned workers : {0U, 1U, 3U})
                EXPECT_GT(use_(workers, name_of(kind)), 0) << name_of(kind) << ", " << workers;
    }

private:
    void* library_;
    decltype(&use_edo) use_ = nullptr;
};

/// What the process has.
struct belongings {
    std::ptrdiff_t files = count_open_files();
    std::ptrdiff_t threads = count_threads();
    std::size_t mapped_bytes = count_mapped_bytes();

private:
    // The kernel lists a thread for a moment longer than pthread_join waits for it.
    static std::ptrdiff_t count_threads() {
        if (EDO_THREAD_SANITIZED) return 0;  // it has threads of its own
        using listing = std::filesystem::directory_iterator;
        std::ptrdiff_t count = 0;
        const auto limit = std::chrono::steady_clock::now() + 10s;
        do
            count = std::distance(listing("/proc/self/task"), listing());
        while (count > 1 && std::chrono::steady_clock::now() < limit);
        return count;
    }

    // In bytes, because the kernel makes one mapping of neighbours.
    static std::size_t count_mapped_bytes() {
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    }
};

/// Rounds of loading the plugin, using it in some way, and unloading it. From the second one on
/// the process has no more than before: what the system libraries make at their first use is there.
template <class Use>
void load_and_use_twenty_times(Use&& use) {
    ::mallopt(M_ARENA_MAX, 1);  // what malloc maps does not depend on which threads meet
    std::vector<belongings> seen;
    for (int round = 0; round < 20; ++round) {
        use();
        seen.emplace_back();
    }

    EXPECT_EQ(seen.back().files, seen[1].files);
    EXPECT_EQ(seen.back().threads, seen[1].threads);
    if (EDO_SANITIZED) return;                     // a sanitizer keeps what was freed
    constexpr std::size_t of_malloc = 512 * 1024;  // less than a round of the pool of frames maps
    EXPECT_LE(seen.back().mapped_bytes, seen[1].mapped_bytes + of_malloc);
}

TEST(unloading, twenty_times_after_use_leaves_nothing) {
    child_process child([] {
        load_and_use_twenty_times([] {
            {
                const plugin loaded;
                std::thread([&] { loaded.use(); }).join();
            }
            EXPECT_FALSE(is_loaded());
        });
    });

    EXPECT_EQ(child.end(), "exit 0");
}

// A thread that has memory of the library to give back when it ends keeps the library loaded.
TEST(unloading, may_be_put_off_to_the_end_of_a_thread_that_used_it) {
    child_process child([] {
        load_and_use_twenty_times([] {
            const plugin loaded;
            loaded.use();
        });
    });

    EXPECT_EQ(child.end(), "exit 0");
}

// What the library has the system call around a fork has gone with it.
TEST(unloading, process_may_fork_afterwards) {
    child_process child([] {
        {
            const plugin loaded;
            std::thread([&] { loaded.use(); }).join();
            EXPECT_EQ(child_process([] {}).end(), "exit 0");
        }
        EXPECT_FALSE(is_loaded());

        EXPECT_EQ(child_process([] {}).end(), "exit 0");
    });

    EXPECT_EQ(child.end(), "exit 0");
}

}  // namespace
}  // namespace edo::testing
