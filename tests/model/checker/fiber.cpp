#include "fiber.h"
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "the model checker switches stacks by hand: add this processor to fiber.cpp"
#endif

// edo_check_change(void** save_here, void* go_there): pushes what a function has to preserve, swaps
// stack pointers and pops the same. The first time, the return goes to the entry function.
#if defined(__x86_64__)
asm(R"(
.text
.globl edo_check_change
.type edo_check_change, @function
edo_check_change:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size edo_check_change, .-edo_check_change
)");
#else
asm(R"(
.text
.globl edo_check_change
.type edo_check_change, %function
edo_check_change:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size edo_check_change, .-edo_check_change
)");
#endif

extern "C" void edo_check_change(void** save_here, void* go_there) noexcept;

namespace edo_check {

fiber::fiber() {
    // One page more, without access: a stack that overflows must not reach its neighbour.
    memory_ =
        ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED || ::mprotect(memory_, 4096, PROT_NONE) != 0) std::abort();
}

fiber::~fiber() {
    ::munmap(memory_, stack_bytes);
}

void fiber::prepare(void (*entry)()) noexcept {
    auto* const end = static_cast<std::uintptr_t*>(memory_) + stack_bytes / sizeof(std::uintptr_t);
#if defined(__x86_64__)
    // Six registers, the return address, and one word that keeps the stack aligned as after a call.
    std::uintptr_t* const saved = end - 8;
    std::memset(saved, 0, 8 * sizeof *saved);
    saved[6] = reinterpret_cast<std::uintptr_t>(entry);
#else
    std::uintptr_t* const saved = end - 20;
    std::memset(saved, 0, 20 * sizeof *saved);
    saved[11] = reinterpret_cast<std::uintptr_t>(entry);  // x30, the return address
#endif
    top_ = saved;
}

void fiber::change(fiber& from, fiber& to) noexcept {
    edo_check_change(&from.top_, to.top_);
}

}  // namespace edo_check
