// Which functions a thread is in, seen from another one.

#include <edo/runtime/native_stack/native_stack.h>

#include <algorithm>
#include <alloca.h>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <edo/base/seam/sys.h>
#include <edo/runtime/native_stack/byte_reader.h>
#include <edo/runtime/native_stack/call_frame.h>
#include <edo/runtime/native_stack/machine.h>
#include <edo/runtime/native_stack/symbols.h>
#include <edo/runtime/scheduler/thread_state.h>

namespace edo::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::optional<detail::machine::call> call_before(detail::address where) {
    detail::own_memory memory;
    return detail::machine::call_before(memory, where);
}

// Keeps a call from becoming a jump, and data from being left out.
void keep(const void* data = nullptr) {
    asm volatile("" : : "r"(data) : "memory");
}

/// A pipe that keeps whoever reads from it.
class gate {
public:
    gate() { EXPECT_EQ(::pipe(ends_), 0); }

    gate(const gate&) = delete;

    ~gate() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    [[gnu::noinline]] void pass() {
        char byte = 0;
        EXPECT_EQ(::read(ends_[0], &byte, 1), 1);
        keep(&byte);
    }

    /// By a function of libc that is too small to have a frame. On some machines it then has its
    /// return address in a register, of which the kernel does not tell.
    [[gnu::noinline]] void pass_without_frame() {
        char byte = 0;
        EXPECT_EQ(::syscall(SYS_read, ends_[0], &byte, 1), 1);
        keep(&byte);
    }

    void open() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

private:
    int ends_[2];
};

/// The stack of a thread that runs `body`, once that waits in a read.
template <class Body>
std::string stack_of(gate& closed, Body body) {
    std::atomic<int> id = 0;
    std::thread runs([&] {
        id = detail::sys::gettid();
        body();
    });
    while (id == 0 || detail::kernel_wait_of(id).system_call() != "read")
        std::this_thread::yield();
    const detail::kernel_wait at = detail::kernel_wait_of(id);
    detail::native_stack seen;
    seen.look(at.program_counter, at.stack_pointer);
    std::string text = seen.text();
    closed.open();
    runs.join();
    return text;
}

[[gnu::noinline]] void plain_inner(gate& closed) {
    closed.pass();
    keep();
}

[[gnu::noinline]] void plain_outer(gate& closed) {
    plain_inner(closed);
    keep();
}

TEST(native_stack, names_what_leads_to_a_wait_the_innermost_first) {
    gate closed;
    const std::string stack = stack_of(closed, [&] { plain_outer(closed); });

    EXPECT_THAT(stack, ContainsRegex("read[+]0x.* <- .*gate::pass[+]0x[0-9a-f]+ <- .*plain_inner"
                                     "[+]0x[0-9a-f]+ <- .*plain_outer[+]0x[0-9a-f]+ <- "));
}

[[gnu::noinline]] void outside_of_no_frame(gate& closed) {
    closed.pass_without_frame();
    keep();
}

TEST(native_stack, goes_on_behind_a_function_without_a_frame) {
    gate closed;
    const std::string stack = stack_of(closed, [&] { outside_of_no_frame(closed); });

    EXPECT_THAT(stack, ContainsRegex("syscall[+]0x[0-9a-f]+ <- (perhaps )?[^<]*pass_without_frame"
                                     "[+]0x[0-9a-f]+ <- [^<]*outside_of_no_frame[+]0x"));
}

/// A frame whose size only the function itself knows.
[[gnu::noinline]] void varying_outer(gate& closed, std::size_t size) {
    char* const space = static_cast<char*>(alloca(size));
    space[0] = 1;
    keep(space);
    plain_inner(closed);
    keep(space);
}

[[gnu::noinline]] void calls_varying(gate& closed) {
    varying_outer(closed, 3000);
    keep();
}

TEST(native_stack, goes_on_behind_a_frame_of_unknown_size) {
    gate closed;
    const std::string stack = stack_of(closed, [&] { calls_varying(closed); });

    EXPECT_THAT(stack, ContainsRegex("plain_inner[+]0x[0-9a-f]+ <- (perhaps )?[^<]*varying_outer"
                                     "[+]0x[0-9a-f]+ <- (perhaps )?[^<]*calls_varying[+]0x"));
}

class visitor {
public:
    visitor() = default;
    visitor(const visitor&) = delete;
    virtual ~visitor() = default;
    virtual void visit(int depth) = 0;
};

class recursive_visitor : public visitor {
public:
    [[gnu::noinline]] void visit(int depth) override {
        char space[100];
        std::memset(space, depth, sizeof space);
        keep(space);
        visitor* next = this;
        keep(&next);
        if (depth > 0) next->visit(depth - 1);
        keep(space);
    }
};

/// Fills the stack below with return addresses of calls that have long ended, made in the one way
/// of which nobody can say what they called.
[[gnu::noinline]] void leave_traces() {
    recursive_visitor visits;
    visits.visit(60);
    keep();
}

[[gnu::noinline]] void calls_after_traces(gate& closed) {
    leave_traces();
    varying_outer(closed, 6000);
    keep();
}

TEST(native_stack, is_not_deceived_by_what_earlier_calls_left_behind) {
    gate closed;
    const std::string stack = stack_of(closed, [&] { calls_after_traces(closed); });

    EXPECT_THAT(stack, ContainsRegex("varying_outer[+]0x[0-9a-f]+ <- (perhaps )?[^<]*"
                                     "calls_after_traces[+]0x"));
    EXPECT_THAT(stack, Not(HasSubstr("visit")));
}

void* behind_a_call = nullptr;

[[gnu::noinline]] void note_caller() {
    behind_a_call = __builtin_return_address(0);
    keep();
}

[[gnu::noinline]] void varying_with_decoy(gate& closed, std::size_t words) {
    auto* const space = static_cast<void**>(alloca(words * sizeof(void*)));
    std::fill_n(space, words, nullptr);
    space[words / 2] = behind_a_call;
    keep(space);
    plain_inner(closed);
    keep(space);
}

[[gnu::noinline]] void elsewhere() {
    void (*volatile note)() = &note_caller;
    note();
    keep();
}

[[gnu::noinline]] void calls_by_pointer(gate& closed) {
    elsewhere();
    void (*volatile call)(gate&, std::size_t) = &varying_with_decoy;
    call(closed, 100);
    keep();
}

TEST(native_stack, is_not_deceived_by_data_that_looks_like_a_return_address) {
    gate closed;
    const std::string stack = stack_of(closed, [&] { calls_by_pointer(closed); });

    EXPECT_THAT(stack, ContainsRegex("varying_with_decoy[+]0x[0-9a-f]+ <- (perhaps )?[^<]*"
                                     "calls_by_pointer[+]0x"));
    EXPECT_THAT(stack, Not(HasSubstr("elsewhere")));
}

[[noreturn, gnu::noinline]] void never_returns(gate& closed) {
    plain_inner(closed);
    throw 1;
}

[[gnu::noinline]] void ends_with_a_call(gate& closed) {
    keep();
    never_returns(closed);
}

TEST(native_stack, names_a_function_that_ends_with_its_call) {
    gate closed;
    const std::string stack =
        stack_of(closed, [&] { EXPECT_THROW(ends_with_a_call(closed), int); });

    EXPECT_THAT(stack, ContainsRegex("never_returns[+]0x[0-9a-f]+ <- (perhaps )?[^<]*"
                                     "ends_with_a_call[+]0x"));
}

ssize_t refuse_to_read(int, const void*, void*, std::size_t) noexcept {
    return -EPERM;
}

TEST(native_stack, has_the_innermost_call_alone_where_memory_may_not_be_read) {
    const auto before = std::exchange(detail::sys::current.read_process_memory, &refuse_to_read);
    gate closed;
    const std::string stack = stack_of(closed, [&] { plain_outer(closed); });
    detail::sys::current.read_process_memory = before;

    EXPECT_THAT(stack, ContainsRegex("^[^< ]+[+]0x[0-9a-f]+$"));
}

decltype(detail::sys::current.read_process_memory) read_before = nullptr;
int reads = 0;

ssize_t read_and_count(int process, const void* from, void* to, std::size_t size) noexcept {
    ++reads;
    return read_before(process, from, to, size);
}

// Each guess may look through much of a stack, and each caller may have to be guessed.
TEST(native_stack, look_takes_a_bounded_number_of_calls_whatever_is_on_the_stack) {
    elsewhere();
    std::vector<void*> words(10'000, nullptr);
    for (std::size_t i = 0; i < words.size(); i += 8)
        words[i] = behind_a_call;

    read_before = std::exchange(detail::sys::current.read_process_memory, &read_and_count);
    reads = 0;
    detail::native_stack seen;
    seen.look(16, reinterpret_cast<std::uintptr_t>(words.data()));
    detail::sys::current.read_process_memory = read_before;

    EXPECT_LE(reads, 4'000);
}

decltype(detail::sys::current.open) open_before = nullptr;

int open_no_modules(const char* path, int flags) noexcept {
    return std::strncmp(path, "/proc/self/task/", 16) == 0 ? open_before(path, flags) : -EACCES;
}

TEST(native_stack, without_symbols_has_places_in_modules_as_addr2line_takes_them) {
    open_before = std::exchange(detail::sys::current.open, &open_no_modules);
    gate closed;
    const std::string stack = stack_of(closed, [&] { plain_outer(closed); });
    detail::sys::current.open = open_before;

    const auto function = reinterpret_cast<std::uintptr_t>(&plain_inner);
    const detail::modules mapped;
    const detail::module* const program = mapped.at(function);
    ASSERT_NE(program, nullptr);
    const std::string name = program->name() + "+0x";
    bool is_there = false;
    for (auto at = stack.find(name); at != std::string::npos; at = stack.find(name, at + 1)) {
        const auto place = std::stoull(stack.substr(at + name.size()), nullptr, 16) + program->base;
        is_there |= function < place && place < function + 1000;
    }
    EXPECT_TRUE(is_there) << stack;
}

TEST(native_stack, ends_at_an_address_that_is_nowhere) {
    detail::native_stack seen;
    seen.look(16, 0);

    EXPECT_EQ(seen.text(), "0x10");
}

TEST(symbols, of_a_file_that_is_not_the_mapped_one_are_not_used) {
    const auto function = reinterpret_cast<std::uintptr_t>(&plain_inner);
    const detail::modules mapped;
    std::array<detail::located, 1> place;
    place[0].at = function;
    detail::module program = *mapped.at(function);
    find_symbols(program, place);
    EXPECT_THAT(place[0].symbol, HasSubstr("plain_inner"));
    EXPECT_EQ(place[0].offset, 0U);

    // A table in which there is something at that place, of another file.
    const auto* const other =
        mapped.at(reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_NEXT, "abs")));
    ASSERT_NE(other, nullptr);
    const auto offset = reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_NEXT, "abs")) - other->base;
    place[0].at = program.base + offset;
    place[0].symbol.clear();
    program.segments.back().end = std::max(program.segments.back().end, place[0].at + 1);
    program.segments.back().begin = program.segments.front().end;
    program.path = other->path;
    find_symbols(program, place);
    EXPECT_EQ(place[0].symbol, "");
    program = *other;
    place[0].at = other->base + offset;
    find_symbols(program, place);
    EXPECT_EQ(place[0].symbol, "abs");
}

TEST(symbols, of_many_places_are_those_of_each_alone) {
    const detail::modules mapped;
    const detail::module* const libc =
        mapped.at(reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_NEXT, "abs")));
    ASSERT_NE(libc, nullptr);
    std::vector<detail::located> places(64);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const char* const names[] = {"abs", "read", "qsort", "memcpy"};
        const auto function = reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_NEXT, names[i % 4]));
        places[i].at = function + i * 37;  // also in what lies behind it
    }
    std::vector<detail::located> alone = places;
    for (detail::located& each : alone)
        find_symbols(*libc, std::span(&each, 1));

    find_symbols(*libc, places);

    for (std::size_t i = 0; i < places.size(); ++i) {
        EXPECT_EQ(places[i].symbol, alone[i].symbol) << i;
        EXPECT_EQ(places[i].offset, alone[i].offset) << i;
    }
    EXPECT_EQ(places[0].symbol, "abs");
}

TEST(symbols, are_written_for_people) {
    const auto name = [](const char* symbol) { return detail::readable_name(symbol); };
    EXPECT_EQ(name("read"), "read");
    EXPECT_EQ(name("_ZN3edo4echoEi"), "edo::echo");
    EXPECT_EQ(name("_ZN3edo12_GLOBAL__N_14echoEPFvlE"), "edo::(anonymous namespace)::echo");
    EXPECT_EQ(name("_Z1fIiEvT_"), "f<int>");                     // void f<int>(int)
    EXPECT_EQ(name("_Z1fIPFvlEEiT_"), "f<void >");               // int f<void (*)(long)>(...)
    EXPECT_EQ(name("_ZNK1a1fEv"), "a::f");                       // a::f() const
    EXPECT_EQ(name("_ZN1aclEi"), "a::operator()");               // a::operator()(int)
    EXPECT_EQ(name("_ZN1alsIiEERS_T_"), "a::operator<< <int>");  // a& a::operator<< <int>(int)
    EXPECT_EQ(name("_ZN1acvbEv"), "a::operator bool");           // a::operator bool()
    EXPECT_EQ(name("_ZptI1aEvT_"), "operator-><a>");             // void operator-><a>(a)
    EXPECT_EQ(name("_ZZ1fiENKUlvE_clEv"), "f::{lambda#1}::operator()");
    EXPECT_EQ(name("_Z1fi.cold"), "f");  // f(int) [clone .cold]
    std::string of_much = "_ZN1aIiE100";
    of_much.append(100, 'x').append("IcEEvv");  // void a<int>::xxx...<char>()
    EXPECT_EQ(name(of_much.c_str()), std::string("a<>::").append(95, 'x').append("..."));
    std::string symbol = "_Z200";
    symbol.append(200, 'x').append("v");
    EXPECT_EQ(name(symbol.c_str()), std::string(100, 'x').append("..."));
}

#if defined(__x86_64__)
TEST(machine, knows_the_forms_of_a_call) {
    const auto targets = [](std::vector<unsigned char> code) {
        code.insert(code.begin(), 16, 0x90);
        const auto end = reinterpret_cast<std::uintptr_t>(code.data() + code.size());
        const auto call = call_before(end);
        if (!call) return std::string("none");
        return call->target == 0 ? std::string("any") : std::to_string(call->target - end);
    };
    EXPECT_EQ(targets({0xE8, 0x10, 0, 0, 0}), "16");            // call .+16
    EXPECT_EQ(targets({0xFF, 0xD0}), "any");                    // call *%rax
    EXPECT_EQ(targets({0x41, 0xFF, 0xD3}), "any");              // call *%r11
    EXPECT_EQ(targets({0xFF, 0x10}), "any");                    // call *(%rax)
    EXPECT_EQ(targets({0xFF, 0x50, 0x18}), "any");              // call *24(%rax)
    EXPECT_EQ(targets({0xFF, 0x54, 0x24, 0x08}), "any");        // call *8(%rsp)
    EXPECT_EQ(targets({0xFF, 0x14, 0xC8}), "any");              // call *(%rax,%rcx,8)
    EXPECT_EQ(targets({0xFF, 0x15, 1, 2, 3, 4}), "any");        // call *slot(%rip)
    EXPECT_EQ(targets({0xFF, 0x90, 1, 2, 3, 4}), "any");        // call *disp32(%rax)
    EXPECT_EQ(targets({0xFF, 0x94, 0x24, 1, 2, 3, 4}), "any");  // call *disp32(%rsp)
    EXPECT_EQ(targets({0xFF, 0x14, 0x25, 1, 2, 3, 4}), "any");  // call *disp32
    EXPECT_EQ(targets({0xE9, 0x10, 0, 0, 0}), "none");          // jmp
    EXPECT_EQ(targets({0xFF, 0xE0}), "none");                   // jmp *%rax
    EXPECT_EQ(targets({0xFF, 0x30}), "none");                   // push (%rax)
    EXPECT_EQ(targets({0xFF, 0x50}), "none");                   // the begin of a longer one
    EXPECT_EQ(targets({0xFF, 0x15, 1, 2, 3}), "none");
}
#elif defined(__aarch64__)
bool leads_to(detail::address target, detail::address function) {
    detail::own_memory memory;
    return detail::machine::leads_to(memory, target, function);
}

/// Instructions, and where an address in them is, counted in instructions.
class some_code {
public:
    explicit some_code(std::vector<std::uint32_t> code) : code_(std::move(code)) {}

    std::uintptr_t at(std::ptrdiff_t n) const {
        return reinterpret_cast<std::uintptr_t>(code_.data()) + static_cast<std::uintptr_t>(n) * 4;
    }

private:
    std::vector<std::uint32_t> code_;
};

TEST(machine, knows_the_forms_of_a_call) {
    constexpr std::uint32_t nop = 0xD503201F;
    const auto targets = [](std::uint32_t instruction) {
        const some_code code({nop, instruction});
        const auto call = call_before(code.at(2));
        if (!call) return std::string("none");
        if (call->target == 0) return std::string("any");
        return std::to_string(static_cast<std::ptrdiff_t>(call->target - code.at(1)));
    };
    EXPECT_EQ(targets(0x94000004), "16");    // bl .+16
    EXPECT_EQ(targets(0x97FFFFFF), "-4");    // bl .-4
    EXPECT_EQ(targets(0xD63F0200), "any");   // blr x16
    EXPECT_EQ(targets(0xD63F03C0), "any");   // blr x30
    EXPECT_EQ(targets(0xD73F0A30), "any");   // blraa x17, x16
    EXPECT_EQ(targets(0xD73F0E3F), "any");   // blrab x17, sp
    EXPECT_EQ(targets(0xD63F081F), "any");   // blraaz x0
    EXPECT_EQ(targets(0xD63F0FDF), "any");   // blrabz x30
    EXPECT_EQ(targets(0x14000004), "none");  // b .+16
    EXPECT_EQ(targets(0xD61F0200), "none");  // br x16
    EXPECT_EQ(targets(0xD71F0A30), "none");  // braa x17, x16
    EXPECT_EQ(targets(0xD65F03C0), "none");  // ret
    EXPECT_EQ(targets(0xD4000001), "none");  // svc 0
    const some_code code({nop, 0x94000004, nop});
    EXPECT_FALSE(call_before(code.at(2) + 1));
}

TEST(machine, finds_the_jump_by_which_a_call_gets_to_a_function) {
    const auto leads = [](std::uint32_t instruction, std::ptrdiff_t to) {
        std::vector<std::uint32_t> code(200, 0xD503201F);  // nop
        code[10] = instruction;
        const some_code made(std::move(code));
        return leads_to(made.at(0), made.at(10 + to));
    };
    EXPECT_TRUE(leads(0x14000004, 4));    // b .+16
    EXPECT_TRUE(leads(0x17FFFFFC, -4));   // b .-16
    EXPECT_TRUE(leads(0x54000081, 4));    // b.ne .+16
    EXPECT_TRUE(leads(0xB4000083, 4));    // cbz x3, .+16
    EXPECT_TRUE(leads(0x35FFFF83, -4));   // cbnz w3, .-16
    EXPECT_TRUE(leads(0xB6080083, 4));    // tbz x3, 33, .+16
    EXPECT_TRUE(leads(0x371FFF83, -4));   // tbnz w3, 3, .-16
    EXPECT_FALSE(leads(0x14000004, 5));   // elsewhere
    EXPECT_FALSE(leads(0x94000004, 4));   // bl .+16
    EXPECT_FALSE(leads(0x54000091, 4));   // bc.ne .+16, which is none of a compiler of today
    EXPECT_FALSE(leads(0xD503201F, 4));   // nop
    EXPECT_TRUE(leads(0xD503201F, -10));  // the function itself
}

TEST(machine, looks_behind_the_stub_of_the_dynamic_linker) {
    // adrp x16, page; ldr x17, [x16, offset of the slot]: the rest is not looked at.
    const auto leads = [](bool is_guarded, std::uint32_t load) {
        constexpr std::uint64_t function = 0x123450;
        std::vector<std::uint32_t> code(2000, 0xD503201F);
        const auto stub = reinterpret_cast<std::uintptr_t>(code.data());
        const auto slot = (reinterpret_cast<std::uintptr_t>(&code[1990]) + 7) / 8 * 8;
        std::memcpy(code.data() + (slot - stub) / 4, &function, sizeof function);
        const auto pages = (slot >> 12) - ((stub + (is_guarded ? 4 : 0)) >> 12);
        std::size_t at = 0;
        if (is_guarded) code[at++] = 0xD503245F;  // bti c
        code[at++] = static_cast<std::uint32_t>(0x90000010 | (pages & 3) << 29 |
                                                ((pages >> 2) & 0x7FFFF) << 5);
        code[at] = static_cast<std::uint32_t>(load | (slot & 0xFFF) / 8 << 10);
        return leads_to(stub, function);
    };
    EXPECT_TRUE(leads(false, 0xF9400211));
    EXPECT_TRUE(leads(true, 0xF9400211));
    EXPECT_FALSE(leads(false, 0xF9400212));  // into x18
}

TEST(machine, takes_the_signature_off_a_return_address) {
    EXPECT_EQ(detail::machine::plain(0x0000AAAABBBBCCCC), 0x0000AAAABBBBCCCCU);
    EXPECT_EQ(detail::machine::plain(0x123FAAAABBBBCCCC), 0x0000AAAABBBBCCCCU);
}
#endif

TEST(byte_reader, reads_the_numbers_of_dwarf_and_stops_at_the_end) {
    const std::vector<unsigned char> bytes{0xE5, 0x8E, 0x26, 0x7F, 0x80, 0x7F, 'h',
                                           'i',  0,    0x34, 0x12, 0xFE, 0xFF, 0x01};
    detail::byte_reader reader(bytes, 1000);
    EXPECT_EQ(reader.take_uleb(), 624485U);
    EXPECT_EQ(reader.take_sleb(), -1);
    EXPECT_EQ(reader.take_sleb(), -128);
    EXPECT_STREQ(reader.take_text(), "hi");
    EXPECT_EQ(reader.take_pointer(0x02), 0x1234U);
    EXPECT_EQ(reader.take_pointer(0x1A), 1011U - 2);  // from where it is
    EXPECT_FALSE(reader.has_failed());
    EXPECT_EQ(reader.take<std::uint32_t>(), 0U);
    EXPECT_TRUE(reader.has_failed());
    EXPECT_EQ(reader.take<unsigned char>(), 0U);
}

/// The tables of one module with one function, written by hand.
class hand_made {
public:
    /// The function begins at `function()` and has 100 bytes.
    explicit hand_made(const std::vector<unsigned char>& instructions) {
        const std::vector<unsigned char> common{
            0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, detail::machine::return_address, 1, 0x1B};
        const std::size_t cie = sizeof header_;
        add(common);
        const std::size_t fde = bytes_.size() + sizeof header_;
        std::vector<unsigned char> own(13);
        own.insert(own.end(), instructions.begin(), instructions.end());
        const auto back = static_cast<std::uint32_t>(fde + 4 - cie);
        const auto size = std::uint32_t{100};
        std::memcpy(own.data(), &back, 4);
        std::memcpy(own.data() + 8, &size, 4);
        add(own);

        all_.resize(sizeof header_ + bytes_.size());
        const auto entry = static_cast<std::int32_t>(fde);
        const std::int32_t count = 1, first = 5000;
        const std::int32_t to_function =
            first - static_cast<std::int32_t>(fde + 8);  // counted from where it stands
        const unsigned char start[] = {1, 0x1B, 0x03, 0x3B};
        std::memcpy(header_, start, 4);
        std::memcpy(header_ + 8, &count, 4);
        std::memcpy(header_ + 12, &first, 4);
        std::memcpy(header_ + 16, &entry, 4);
        std::memcpy(all_.data(), header_, sizeof header_);
        std::memcpy(all_.data() + sizeof header_, bytes_.data(), bytes_.size());
        std::memcpy(all_.data() + fde + 8, &to_function, 4);
    }

    std::uintptr_t function() const { return base() + 5000; }

    std::optional<detail::frame_rules> rules_at(std::uintptr_t where) const {
        detail::module made;
        made.frame_header = base();
        detail::own_memory memory;
        return find_frame_rules(memory, made, where);
    }

    std::vector<unsigned char>& bytes() { return all_; }

private:
    std::uintptr_t base() const { return reinterpret_cast<std::uintptr_t>(all_.data()); }

    void add(const std::vector<unsigned char>& entry) {
        const auto size = static_cast<std::uint32_t>(entry.size());
        bytes_.resize(bytes_.size() + 4);
        std::memcpy(bytes_.data() + bytes_.size() - 4, &size, 4);
        bytes_.insert(bytes_.end(), entry.begin(), entry.end());
    }

    unsigned char header_[20]{};
    std::vector<unsigned char> bytes_, all_;
};

// def_cfa r7+8, RA at cfa-8; after 1 byte: cfa r7+16, r6 at cfa-16; after 4 more: remember, cfa
// r6+16, after 10 more: restore; after 10 more: r3 is in memory at r6-32, cfa in memory at r6-8.
const std::vector<unsigned char> all_forms{0x0C, 7,    8,
                                           0x90, 1,  // as most functions begin
                                           0x41, 0x0E, 16,
                                           0x86, 2,  // push %rbp
                                           0x44, 0x0A, 0x0D,
                                           6,           // mov %rsp, %rbp
                                           0x4A, 0x0B,  // as after a return in the middle
                                           0x4A, 0x10, 3,
                                           2,    0x76, 0x60,
                                           0x0F, 3,    0x76,
                                           0x78, 0x06,  // a stack with an alignment
                                           0x41, 0x07, detail::machine::return_address};

TEST(call_frame, rules_are_those_of_the_instruction) {
    using kind = detail::frame_rule::kind;
    const hand_made made(all_forms);
    const auto at = [&](unsigned offset) {
        const auto rules = made.rules_at(made.function() + offset);
        EXPECT_TRUE(rules);
        return rules.value_or(detail::frame_rules{});
    };
    EXPECT_EQ(at(0).function, made.function());
    EXPECT_EQ(at(0).cfa.how, kind::based);
    EXPECT_EQ(at(0).cfa.base, 7U);
    EXPECT_EQ(at(0).cfa.offset, 8);
    EXPECT_EQ(at(1).cfa.offset, 16);
    EXPECT_EQ(at(1).of[6].how, kind::at_cfa);
    EXPECT_EQ(at(1).of[6].offset, -16);
    EXPECT_EQ(at(4).cfa.base, 7U);
    EXPECT_EQ(at(5).cfa.base, 6U);
    EXPECT_EQ(at(15).cfa.base, 7U);
    EXPECT_EQ(at(25).cfa.how, kind::deref_based);
    EXPECT_EQ(at(25).cfa.base, 6U);
    EXPECT_EQ(at(25).cfa.offset, -8);
    EXPECT_EQ(at(25).of[3].how, kind::deref_based);
    EXPECT_EQ(at(25).of[3].offset, -32);
    EXPECT_FALSE(at(25).is_outermost);
    EXPECT_TRUE(at(26).is_outermost);
    EXPECT_FALSE(made.rules_at(made.function() + 100));
    EXPECT_FALSE(made.rules_at(made.function() - 1));
}

TEST(call_frame, of_tables_that_are_garbled_nothing_bad_comes) {
    std::mt19937 random(1);
    hand_made made(all_forms);
    const std::vector<unsigned char> sound = made.bytes();
    int refused = 0;
    for (int round = 0; round < 20000; ++round) {
        made.bytes()[random() % sound.size()] = static_cast<unsigned char>(random());
        made.bytes()[random() % sound.size()] = static_cast<unsigned char>(random());
        refused += made.rules_at(made.function() + 26) ? 0 : 1;
        std::memcpy(made.bytes().data(), sound.data(), sound.size());
    }
    EXPECT_GT(refused, 1000);
    EXPECT_TRUE(made.rules_at(made.function() + 26));
}

}  // namespace
}  // namespace edo::testing
