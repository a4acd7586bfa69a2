#include "failing_allocation.h"
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

// clang links its thread sanitizer's own into the program, where they tolerate no others.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDO_KEEPS_OPERATOR_NEW 1
#endif
#endif

namespace edo::testing {
namespace {

/// How many allocations of this thread will come until one fails, with that one; 0: none will.
constinit thread_local std::size_t left = 0;
constinit thread_local bool failed = false;

using observe_call = void (*)(void* argument) noexcept;
constinit thread_local observe_call observer = nullptr;
constinit thread_local void* observers_argument = nullptr;
constinit thread_local std::size_t observed = 0;

constinit std::atomic<std::ptrdiff_t> live_blocks{0};

// What the observer does is not observed.
void observe() noexcept {
    const auto call = std::exchange(observer, nullptr);
    if (call == nullptr) return;
    ++observed;
    call(observers_argument);
    observer = call;
}

bool is_due() noexcept {
    observe();
    if (left == 0 || --left != 0) return false;
    failed = true;
    return true;
}

void* counted(void* memory) noexcept {
    if (memory != nullptr) live_blocks.fetch_add(1, std::memory_order_relaxed);
    return memory;
}

[[maybe_unused]] void* allocate(std::size_t size) noexcept {
    return is_due() ? nullptr : counted(std::malloc(size != 0 ? size : 1));
}

[[maybe_unused]] void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
    if (is_due()) return nullptr;
    void* memory = nullptr;
    // Not aligned_alloc: that one wants a size that is a multiple of the alignment.
    const int refused = ::posix_memalign(&memory, static_cast<std::size_t>(alignment), size);
    return refused != 0 ? nullptr : counted(memory);
}

[[maybe_unused]] void give_back(void* memory) noexcept {
    observe();
    if (memory != nullptr) live_blocks.fetch_sub(1, std::memory_order_relaxed);
    std::free(memory);
}

[[maybe_unused]] void* or_throw(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

failing_allocation::failing_allocation(std::size_t n) noexcept {
    left = n;
    failed = false;
}

failing_allocation::~failing_allocation() {
    left = 0;
}

bool failing_allocation::has_failed() const noexcept {
    return failed;
}

observed_allocation::observed_allocation(void (*call)(void* argument) noexcept,
                                         void* argument) noexcept {
    observed = 0;
    observers_argument = argument;
    observer = call;
}

observed_allocation::~observed_allocation() {
    observer = nullptr;
}

std::size_t observed_allocation::count() const noexcept {
    return observed;
}

std::ptrdiff_t count_live_blocks() noexcept {
    return live_blocks.load(std::memory_order_relaxed);
}

#if defined(EDO_KEEPS_OPERATOR_NEW)
const bool failing_allocation::is_possible = false;
#else
const bool failing_allocation::is_possible = true;
#endif

}  // namespace edo::testing

#if !defined(EDO_KEEPS_OPERATOR_NEW)
// All but those for arrays, which call these; a sanitizer's own do not, and match each other.

void* operator new(std::size_t size) {
    return edo::testing::or_throw(edo::testing::allocate(size));
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    return edo::testing::or_throw(edo::testing::allocate(size, alignment));
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return edo::testing::allocate(size);
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return edo::testing::allocate(size, alignment);
}

void operator delete(void* memory) noexcept {
    edo::testing::give_back(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    edo::testing::give_back(memory);
}

void operator delete(void* memory, std::align_val_t) noexcept {
    edo::testing::give_back(memory);
}

void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    edo::testing::give_back(memory);
}

void operator delete(void* memory, const std::nothrow_t&) noexcept {
    edo::testing::give_back(memory);
}

void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
    edo::testing::give_back(memory);
}
#endif
