#include "arena.h"
#include "engine.h"
#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sys/mman.h>

namespace edo_check {
namespace {

void* pages(std::size_t bytes) {
    void* const p =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    return p;
}

}  // namespace

arena::arena()
    : memory_(static_cast<char*>(pages(capacity))),
      shadows_(static_cast<shadow*>(pages(capacity * sizeof(shadow)))),
      reads_(static_cast<vector_clock*>(pages(capacity * sizeof(vector_clock)))),
      granules_(static_cast<granule*>(pages(capacity / granule_bytes * sizeof(granule)))) {}

void arena::start_run(std::uint32_t run) noexcept {
    run_ = run;
    used_ = floor_;
    live_ = 0;
    count_ = 0;
}

void* arena::allocate(std::size_t bytes, std::size_t alignment) noexcept {
    alignment = std::max(alignment, granule_bytes);
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (at + bytes > capacity || count_ == most_blocks)
        engine::get().fail("the scenario allocates more than the checker has room for");
    used_ = at + std::max<std::size_t>(bytes, 1);
    blocks_[count_++] = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(bytes),
                         static_cast<std::uint8_t>(engine::get().current()), true};
    ++live_;
    return memory_ + at;
}

void arena::release(void* p) noexcept {
    const auto offset = static_cast<std::uint32_t>(static_cast<char*>(p) - memory_);
    block* const end = blocks_ + count_;
    block* const found = std::lower_bound(
        blocks_, end, offset, [](const block& b, std::uint32_t at) { return b.offset < at; });
    if (found == end || found->offset != offset)
        engine::get().fail("free of what was not allocated in this run");
    if (!found->is_live) engine::get().fail("double free");
    found->is_live = false;
    --live_;
    if (engine::get().is_known()) return;
    // Everybody who used it must have done so before.
    for (std::size_t i = 0; i < std::max<std::size_t>(found->bytes, 1); i += granule_bytes) {
        granule& g = granules_[(offset + i) / granule_bytes];
        g.freed_in = run_;
        if (g.touched_in != run_ || engine::get().is_solo()) continue;
        for (unsigned bits = g.touched; bits != 0; bits &= bits - 1) {
            const std::size_t at = offset + i + static_cast<unsigned>(std::countr_zero(bits));
            check_write(index_of(at));
        }
    }
}

bool arena::is_freed(const void* p) const noexcept {
    const auto at = static_cast<std::size_t>(static_cast<const char*>(p) - memory_);
    return granules_[at / granule_bytes].freed_in == run_;
}

std::string arena::describe_leaks() const {
    std::string text;
    for (unsigned i = 0; i < count_; ++i)
        if (blocks_[i].is_live)
            text += (text.empty() ? "" : ", ") + std::to_string(blocks_[i].bytes) +
                    " bytes allocated by thread " + std::to_string(blocks_[i].by);
    return text;
}

std::size_t arena::touch(const void* p, const char* if_freed) noexcept {
    const auto at = static_cast<std::size_t>(static_cast<const char*>(p) - memory_);
    const std::size_t index = index_of(at);
    shadow& s = shadows_[index];
    granule& g = granules_[at / granule_bytes];
    if (s.run != run_) {
        s = {};
        s.run = run_;
        if (g.touched_in != run_) g.touched = 0;
        g.touched_in = run_;
        g.touched |= 1U << at % granule_bytes;
    }
    if (g.freed_in == run_) [[unlikely]]
        report(if_freed, index);
    return index;
}

void arena::report(const char* what, std::size_t index) noexcept {
    char text[200];
    const auto offset = static_cast<std::uint32_t>(offset_of(index));
    const unsigned other = shadows_[index].writer;
    for (unsigned i = 0; i < count_; ++i) {
        if (offset - blocks_[i].offset < blocks_[i].bytes || blocks_[i].offset == offset) {
            std::snprintf(text, sizeof text,
                          "%s: byte %u of a block of %u bytes; by thread %u, and last by thread %u",
                          what, offset - blocks_[i].offset, blocks_[i].bytes,
                          engine::get().current(), other);
            engine::get().fail(text);
        }
    }
    engine::get().fail(what);
}

// What thread 0 does while it is alone happens before or after everything that others do: it need
// neither be checked nor be remembered. Nor need what follows a known state.
void arena::plain_read(const void* p) noexcept {
    engine& e = engine::get();
    if (e.is_known() || (e.is_solo() && !is_freed(p))) return;
    const unsigned me = e.current();
    const vector_clock& known = e.shared().known_to(me);
    const std::size_t index = touch(p, "read after free");
    shadow& s = shadows_[index];
    if (s.written != 0 && s.writer != me && !known.covers(s.writer, s.written))
        report("data race: a read beside a write", index);
    reads_[index].at[me] = static_cast<std::uint16_t>(known.at[me] + 1);
    s.readers |= static_cast<std::uint8_t>(1U << me);
}

void arena::plain_write(const void* p) noexcept {
    engine& e = engine::get();
    if (e.is_known() || (e.is_solo() && !is_freed(p))) return;
    const unsigned me = e.current();
    const std::size_t index = touch(p, "write after free");
    check_write(index);
    shadow& s = shadows_[index];
    s.written = static_cast<std::uint16_t>(e.shared().known_to(me).at[me] + 1);
    s.writer = static_cast<std::uint8_t>(me);
}

void arena::check_write(std::size_t index) noexcept {
    engine& e = engine::get();
    const unsigned me = e.current();
    const vector_clock& known = e.shared().known_to(me);
    const shadow& s = shadows_[index];
    if (s.written != 0 && s.writer != me && !known.covers(s.writer, s.written))
        report("data race: two writes (or a free)", index);
    for (unsigned others = s.readers & ~(1U << me); others != 0; others &= others - 1) {
        const auto reader = static_cast<unsigned>(std::countr_zero(others));
        if (!known.covers(reader, reads_[index].at[reader]))
            report("data race: a write (or a free) beside a read", index);
    }
}

}  // namespace edo_check

// The heap of the whole program: inside a run it is the arena, outside the system's.
namespace {

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (edo_check::engine::is_inside())
        return edo_check::engine::get().heap().allocate(bytes, alignment);
    if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
    return std::aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
}

void* allocate_or_abort(std::size_t bytes, std::size_t alignment) noexcept {
    void* const p = allocate(bytes, alignment);
    if (p == nullptr) std::abort();
    return p;
}

void give_back(void* p) noexcept {
    // The engine exists by the time there is anything of the arena to free.
    if (edo_check::engine::is_inside() && edo_check::engine::get().heap().contains(p)) {
        edo_check::engine::get().heap().release(p);
    } else {
        std::free(p);
    }
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t n) {
    return allocate_or_abort(n, usual);
}

void* operator new[](std::size_t n) {
    return allocate_or_abort(n, usual);
}

void* operator new(std::size_t n, std::align_val_t a) {
    return allocate_or_abort(n, static_cast<std::size_t>(a));
}

void* operator new[](std::size_t n, std::align_val_t a) {
    return allocate_or_abort(n, static_cast<std::size_t>(a));
}

void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    return allocate(n, usual);
}

void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
    return allocate(n, usual);
}

void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, static_cast<std::size_t>(a));
}

void operator delete(void* p) noexcept {
    give_back(p);
}

void operator delete[](void* p) noexcept {
    give_back(p);
}

void operator delete(void* p, std::size_t) noexcept {
    give_back(p);
}

void operator delete[](void* p, std::size_t) noexcept {
    give_back(p);
}

void operator delete(void* p, std::align_val_t) noexcept {
    give_back(p);
}

void operator delete[](void* p, std::align_val_t) noexcept {
    give_back(p);
}

void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    give_back(p);
}

void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
    give_back(p);
}
