// Sees every plain access of the code under test.
//
// Production sources and scenarios are compiled with -fsanitize=thread, but linked without its
// library: the calls that the compiler inserts before each read and write come here. So members
// that a protocol hands from thread to thread are checked although nothing in the sources marks
// them. Only what lies in the arena is looked at; stacks and globals are not.

#include "engine.h"
#include <cstddef>
#include <cstring>

namespace {

using edo_check::engine;

inline void read(const void* p) noexcept {
    if (engine::is_inside() && engine::get().heap().contains(p)) [[unlikely]]
        engine::get().heap().plain_read(p);
}

inline void write(const void* p) noexcept {
    if (engine::is_inside() && engine::get().heap().contains(p)) [[unlikely]]
        engine::get().heap().plain_write(p);
}

void read_range(const void* p, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < bytes; i += 8)
        read(static_cast<const char*>(p) + i);
}

void write_range(const void* p, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < bytes; i += 8)
        write(static_cast<const char*>(p) + i);
}

}  // namespace

// clang-format off
#define EDO_MODEL_ACCESS(bytes)                                             \
    void __tsan_read##bytes(void* p) { read(p); }                           \
    void __tsan_write##bytes(void* p) { write(p); }                         \
    void __tsan_unaligned_read##bytes(void* p) { read(p); }                 \
    void __tsan_unaligned_write##bytes(void* p) { write(p); }               \
    void __tsan_read_write##bytes(void* p) { write(p); }                    \
    void __tsan_unaligned_read_write##bytes(void* p) { write(p); }

#define EDO_MODEL_FOREIGN(bits, type)                                           \
    type __tsan_atomic##bits##_load(const volatile type* p, int) { return *p; } \
    void __tsan_atomic##bits##_store(volatile type* p, type v, int) { *p = v; } \
    type __tsan_atomic##bits##_fetch_add(volatile type* p, type v, int) {       \
        const type old = *p;                                                    \
        *p = static_cast<type>(old + v);                                        \
        return old;                                                             \
    }                                                                           \
    type __tsan_atomic##bits##_fetch_sub(volatile type* p, type v, int) {       \
        const type old = *p;                                                    \
        *p = static_cast<type>(old - v);                                        \
        return old;                                                             \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#endif
extern "C" {
EDO_MODEL_ACCESS(1)
EDO_MODEL_ACCESS(2)
EDO_MODEL_ACCESS(4)
EDO_MODEL_ACCESS(8)
EDO_MODEL_ACCESS(16)
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void** p) { read(p); }
void __tsan_vptr_update(void** p, void*) { write(p); }
void __tsan_read_range(void* p, std::size_t n) { read_range(p, n); }
void __tsan_write_range(void* p, std::size_t n) { write_range(p, n); }
// What other libraries use atomics for (guards of static locals, reference counts of strings and
// test cases). No part of a model, and there is one real thread.
EDO_MODEL_FOREIGN(8, char)
EDO_MODEL_FOREIGN(32, int)
EDO_MODEL_FOREIGN(64, long)
void* __tsan_memcpy(void* to, const void* from, std::size_t n) {
    read_range(from, n);
    write_range(to, n);
    return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, std::size_t n) {
    read_range(from, n);
    write_range(to, n);
    return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, std::size_t n) {
    write_range(to, n);
    return std::memset(to, value, n);
}
}
#pragma GCC diagnostic pop
// clang-format on
