#include <edo/runtime/native_stack/registers.h>

#include <iterator>
#include <ucontext.h>

namespace edo::detail {

#if defined(__x86_64__)

register_set::register_set(const ucontext_t& interrupted) noexcept {
    constexpr int in_order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < std::size(in_order); ++i)
        set(i, static_cast<address>(interrupted.uc_mcontext.gregs[in_order[i]]));
}

address program_counter_of(const ucontext_t& interrupted) noexcept {
    return static_cast<address>(interrupted.uc_mcontext.gregs[REG_RIP]);
}

#elif defined(__aarch64__)

register_set::register_set(const ucontext_t& interrupted) noexcept {
    for (unsigned i = 0; i < machine::stack_pointer; ++i)
        set(i, static_cast<address>(interrupted.uc_mcontext.regs[i]));
    set(machine::stack_pointer, static_cast<address>(interrupted.uc_mcontext.sp));
}

address program_counter_of(const ucontext_t& interrupted) noexcept {
    return static_cast<address>(interrupted.uc_mcontext.pc);
}

#else

register_set::register_set(const ucontext_t&) noexcept {}

address program_counter_of(const ucontext_t&) noexcept {
    return 0;
}

#endif

}  // namespace edo::detail
