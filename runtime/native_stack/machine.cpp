#include <edo/runtime/native_stack/machine.h>

#include <cstring>

namespace edo::detail::machine {
namespace {

// How much of a function is looked through for a jump.
[[maybe_unused]] constexpr std::size_t searched = 512;

// Only the processor at hand needs them, each in its way.
template <class T>
[[maybe_unused]] T value_at(const unsigned char* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// Where a branch at `from` gets to.
[[maybe_unused]] address displaced(address from, std::int64_t distance) noexcept {
    return from + static_cast<address>(distance);
}

}  // namespace

#if defined(__x86_64__)

namespace {

// Bytes that name the operand of an instruction, by its first two.
std::size_t operand_size(unsigned char mode, unsigned char scale) noexcept {
    const unsigned kind = mode >> 6U;
    const unsigned base = mode & 7U;
    if (kind == 3) return 1;
    const std::size_t bytes = base == 4 ? 2 : 1;
    if (kind == 1) return bytes + 1;
    if (kind == 2) return bytes + 4;
    const bool has_no_base = base == 5 || (base == 4 && (scale & 7U) == 5);
    return has_no_base ? bytes + 4 : bytes;
}

}  // namespace

address behind_linkage(own_memory& memory, address target) noexcept {
    unsigned char code[16] = {};
    if (!memory.read(target, code, sizeof code)) return target;
    std::size_t at = 0;
    if (value_at<std::uint32_t>(code) == 0xFA1E0FF3) at += 4;     // endbr64
    if (code[at] == 0xF2) ++at;                                   // bnd
    if (code[at] != 0xFF || code[at + 1] != 0x25) return target;  // jmp *slot(%rip)
    const address slot = displaced(target + at + 6, value_at<std::int32_t>(code + at + 2));
    address found = target;
    return memory.read_object(slot, found) ? found : target;
}

std::optional<call> call_before(own_memory& memory, address where) noexcept {
    constexpr std::size_t longest = 7;
    unsigned char code[longest + 1] = {};  // one more than is filled: the operand has two bytes
    if (!memory.read(where - longest, code, longest)) return std::nullopt;
    if (code[longest - 5] == 0xE8)
        return call{displaced(where, value_at<std::int32_t>(code + longest - 4))};
    for (std::size_t size = 2; size <= longest; ++size) {
        const unsigned char* const at = code + longest - size;
        const bool is_indirect_call = at[0] == 0xFF && ((at[1] >> 3U) & 7U) == 2;
        if (is_indirect_call && operand_size(at[1], at[2]) == size - 1) return call{};
    }
    return std::nullopt;
}

bool leads_to(own_memory& memory, address target, address function) noexcept {
    target = behind_linkage(memory, target);
    if (target == function) return true;
    unsigned char code[searched] = {};
    if (!memory.read(target, code, sizeof code)) return false;
    for (std::size_t at = 0; at + 6 <= sizeof code; ++at) {
        const bool is_conditional = code[at] == 0x0F && (code[at + 1] & 0xF0U) == 0x80;
        if (code[at] != 0xE9 && !is_conditional) continue;
        const std::size_t size = is_conditional ? 6 : 5;
        const auto distance = value_at<std::int32_t>(code + at + size - 4);
        if (displaced(target + at + size, distance) == function) return true;
    }
    return false;
}

address plain(address signed_address) noexcept {
    return signed_address;
}

#elif defined(__aarch64__)

namespace {

// The low `bits` of a field, as a number with a sign.
std::int64_t extended(std::uint64_t field, unsigned bits) noexcept {
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    const std::uint64_t value = field & ((sign << 1U) - 1);
    return static_cast<std::int64_t>((value ^ sign) - sign);
}

// How many instructions a jump goes, if it is one to a fixed place.
std::optional<std::int64_t> branch_distance(std::uint32_t code) noexcept {
    if ((code & 0xFC000000) == 0x14000000) return extended(code, 26);        // b
    if ((code & 0xFF000010) == 0x54000000) return extended(code >> 5U, 19);  // b.cond
    if ((code & 0x7E000000) == 0x34000000) return extended(code >> 5U, 19);  // cbz, cbnz
    if ((code & 0x7E000000) == 0x36000000) return extended(code >> 5U, 14);  // tbz, tbnz
    return std::nullopt;
}

}  // namespace

address behind_linkage(own_memory& memory, address target) noexcept {
    unsigned char code[16] = {};
    if (!memory.read(target, code, sizeof code)) return target;
    const unsigned at = value_at<std::uint32_t>(code) == 0xD503245F ? 4 : 0;  // bti c
    const auto first = value_at<std::uint32_t>(code + at);
    const auto second = value_at<std::uint32_t>(code + at + 4);
    // adrp x16, page of the slot; ldr x17, [x16, offset of the slot]
    if ((first & 0x9F00001F) != 0x90000010 || (second & 0xFFC003FF) != 0xF9400211) return target;
    const std::uint64_t pages = ((first >> 29U) & 3U) | ((first >> 3U) & 0x1FFFFCU);
    const address page = displaced((target + at) & ~address{0xFFF}, extended(pages, 21) * 4096);
    address found = target;
    return memory.read_object(page + ((second >> 10U) & 0xFFFU) * 8, found) ? found : target;
}

std::optional<call> call_before(own_memory& memory, address where) noexcept {
    std::uint32_t code = 0;
    if (where % 4 != 0 || !memory.read_object(where - 4, code)) return std::nullopt;
    if ((code & 0xFC000000) == 0x94000000)  // bl
        return call{displaced(where - 4, extended(code, 26) * 4)};
    const bool is_indirect_call = (code & 0xFFFFFC1F) == 0xD63F0000      // blr
                                  || (code & 0xFEFFF800) == 0xD63F0800;  // and those that verify
    if (is_indirect_call) return call{};
    return std::nullopt;
}

bool leads_to(own_memory& memory, address target, address function) noexcept {
    target = behind_linkage(memory, target);
    if (target == function) return true;
    unsigned char code[searched] = {};
    if (!memory.read(target, code, sizeof code)) return false;
    for (std::size_t at = 0; at < sizeof code; at += 4) {
        const auto distance = branch_distance(value_at<std::uint32_t>(code + at));
        if (distance && displaced(target + at, *distance * 4) == function) return true;
    }
    return false;
}

address plain(address signed_address) noexcept {
    return signed_address & 0x0000FFFFFFFFFFFF;
}

#else

std::optional<call> call_before(own_memory&, address) noexcept {
    return std::nullopt;
}

address behind_linkage(own_memory&, address target) noexcept {
    return target;
}

bool leads_to(own_memory&, address, address) noexcept {
    return false;
}

address plain(address signed_address) noexcept {
    return signed_address;
}

#endif

}  // namespace edo::detail::machine
