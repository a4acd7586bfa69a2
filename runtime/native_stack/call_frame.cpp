#include <edo/runtime/native_stack/call_frame.h>

#include <span>

#include <edo/runtime/native_stack/byte_reader.h>

namespace edo::detail {
namespace {

using kind = frame_rule::kind;

constexpr unsigned char omitted = 0xFF;

/// A length and what it is the length of, copied. Empty if that is more than `Capacity`.
template <std::size_t Capacity>
class entry {
public:
    entry(own_memory& memory, address begin) noexcept {
        std::uint32_t size = 0;
        if (!memory.read_object(begin, size) || size > Capacity) return;
        begin_ = begin + sizeof size;
        if (memory.read(begin_, bytes_.data(), size)) size_ = size;
    }

    byte_reader reader() const noexcept { return {std::span(bytes_).first(size_), begin_}; }

private:
    address begin_ = 0;
    std::size_t size_ = 0;
    std::array<unsigned char, Capacity> bytes_;
};

/// What functions that were compiled alike have in common (a "common information entry").
class common_part {
public:
    common_part(own_memory& memory, address begin) noexcept
        : bytes_(memory, begin), rest_(bytes_.reader()) {
        if (rest_.take<std::uint32_t>() != 0) rest_.fail();
        const auto version = rest_.take<unsigned char>();
        const char* const letters = rest_.take_text();
        if (version != 1 && version != 3) rest_.fail();
        code_factor = rest_.take_uleb();
        data_factor = rest_.take_sleb();
        const std::uint64_t column = version == 1 ? rest_.take<unsigned char>() : rest_.take_uleb();
        if (column != machine::return_address) rest_.fail();
        if (letters[0] == 'z')
            take_extras(letters + 1);
        else if (letters[0] != 0)
            rest_.fail();
    }

    common_part(const common_part&) = delete;
    common_part& operator=(const common_part&) = delete;

    byte_reader instructions() const noexcept { return rest_; }

    std::uint64_t code_factor = 1;
    std::int64_t data_factor = 1;
    unsigned char pointer_encoding = 0;
    bool has_extras = false;
    bool is_signal = false;

private:
    void take_extras(const char* letters) noexcept {
        has_extras = true;
        const std::uint64_t size = rest_.take_uleb();
        const address start = rest_.position();
        byte_reader extras(rest_.take_bytes(size), start);
        for (; *letters != 0; ++letters) {
            switch (*letters) {
                case 'R':
                    pointer_encoding = extras.take<unsigned char>();
                    break;
                case 'P': {
                    // Where its target is does not matter here; `indirect` would change only that.
                    const auto encoding = extras.take<unsigned char>();
                    extras.take_pointer(encoding & 0x7FU);
                    break;
                }
                case 'L':
                    extras.take<unsigned char>();
                    break;
                case 'S':
                    is_signal = true;
                    break;
                case 'B':  // return addresses are signed with the second key
                    break;
                default:
                    extras.fail();
            }
        }
        if (extras.has_failed()) rest_.fail();
    }

    entry<512> bytes_;
    byte_reader rest_;
};

/// Runs the instructions that make the rules, up to those for one address.
class rule_machine {
public:
    rule_machine(const common_part& common, address function, address end, address where) noexcept
        : common_(common), location_(function), where_(where) {
        now_.function = function;
        now_.end = end;
        now_.is_signal = common.is_signal;
        // Where nothing else is said: what a call may change is lost, but for the stack pointer.
        for (unsigned i = 0; i < machine::registers; ++i)
            if ((machine::preserved >> i & 1U) == 0) now_.of[i].how = kind::unknown;
        now_.of[machine::stack_pointer] = {kind::is_cfa};
        now_.of[machine::return_address].how = kind::same;
    }

    void run(byte_reader code) noexcept {
        while (!code.is_at_end() && location_ <= where_)
            step(code, code.take<unsigned char>());
        if (code.has_failed()) has_failed_ = true;
    }

    /// After the instructions of the common part.
    void set_initial() noexcept { initial_ = now_; }

    bool has_failed() const noexcept { return has_failed_; }

    const frame_rules& rules() const noexcept { return now_; }

private:
    void step(byte_reader& code, unsigned char instruction) noexcept {
        const unsigned low = instruction & 0x3FU;
        switch (instruction & 0xC0U) {
            case 0x40:  // DW_CFA_advance_loc
                return advance(low);
            case 0x80:  // DW_CFA_offset
                return set(low, {kind::at_cfa, 0, scaled(code.take_uleb())});
            case 0xC0:  // DW_CFA_restore
                return set(low, initial(low));
            default:
                return step_extended(code, low);
        }
    }

    void step_extended(byte_reader& code, unsigned instruction) noexcept {
        std::uint64_t number = 0;
        switch (instruction) {
            case 0x00:  // DW_CFA_nop
                return;
            case 0x01:  // DW_CFA_set_loc
                location_ = code.take_pointer(common_.pointer_encoding);
                return;
            case 0x02:  // DW_CFA_advance_loc1, 2 and 4
                return advance(code.take<std::uint8_t>());
            case 0x03:
                return advance(code.take<std::uint16_t>());
            case 0x04:
                return advance(code.take<std::uint32_t>());
            case 0x05:  // DW_CFA_offset_extended
                number = code.take_uleb();
                return set(number, {kind::at_cfa, 0, scaled(code.take_uleb())});
            case 0x06:  // DW_CFA_restore_extended
                number = code.take_uleb();
                return set(number, initial(number));
            case 0x07:  // DW_CFA_undefined
                number = code.take_uleb();
                if (number == machine::return_address) now_.is_outermost = true;
                return set(number, {kind::unknown});
            case 0x08:  // DW_CFA_same_value
                return set(code.take_uleb(), {kind::same});
            case 0x09:  // DW_CFA_register
                number = code.take_uleb();
                return set(number, {kind::based, based_on(code.take_uleb()), 0});
            case 0x0A:  // DW_CFA_remember_state
                return remember(code);
            case 0x0B:  // DW_CFA_restore_state
                return restore(code);
            case 0x0F:  // DW_CFA_def_cfa_expression
                now_.cfa = take_expression(code, kind::based);
                return;
            case 0x10:  // DW_CFA_expression
                number = code.take_uleb();
                return set(number, take_expression(code, kind::deref_based));
            case 0x11:  // DW_CFA_offset_extended_sf
                number = code.take_uleb();
                return set(number, {kind::at_cfa, 0, code.take_sleb() * common_.data_factor});
            case 0x14:  // DW_CFA_val_offset
                number = code.take_uleb();
                return set(number, {kind::is_cfa, 0, scaled(code.take_uleb())});
            case 0x16:  // DW_CFA_val_expression
                number = code.take_uleb();
                return set(number, take_expression(code, kind::based));
            case 0x2D:  // DW_CFA_AARCH64_negate_ra_state: machine::plain() makes no difference
                return;
            case 0x2E:  // DW_CFA_GNU_args_size
                static_cast<void>(code.take_uleb());
                return;
            default:
                return step_cfa(code, instruction);
        }
    }

    void step_cfa(byte_reader& code, unsigned instruction) noexcept {
        unsigned base = now_.cfa.base;
        switch (instruction) {
            case 0x0C:  // DW_CFA_def_cfa
                base = based_on(code.take_uleb());
                now_.cfa = {kind::based, base, static_cast<std::int64_t>(code.take_uleb())};
                return;
            case 0x0D:  // DW_CFA_def_cfa_register
                now_.cfa.base = based_on(code.take_uleb());
                return;
            case 0x0E:  // DW_CFA_def_cfa_offset
                now_.cfa.offset = static_cast<std::int64_t>(code.take_uleb());
                return;
            case 0x12:  // DW_CFA_def_cfa_sf
                base = based_on(code.take_uleb());
                now_.cfa = {kind::based, base, code.take_sleb() * common_.data_factor};
                return;
            case 0x13:  // DW_CFA_def_cfa_offset_sf
                now_.cfa.offset = code.take_sleb() * common_.data_factor;
                return;
            default:
                code.fail();
        }
    }

    // "register + offset", and the same with what is in memory there. Each can stand for a value or
    // for where a value is: `direct` says which of them an expression without a load means.
    static frame_rule take_expression(byte_reader& code, kind direct) noexcept {
        const std::uint64_t size = code.take_uleb();
        const address start = code.position();
        byte_reader expression(code.take_bytes(size), start);
        const unsigned base = expression.take<unsigned char>() - 0x70U;  // DW_OP_breg0
        const std::int64_t offset = expression.take_sleb();
        if (base >= machine::registers) return {kind::unknown};
        kind how = direct;
        if (!expression.is_at_end() && expression.take<unsigned char>() == 0x06)  // DW_OP_deref
            how = direct == kind::based ? kind::deref_based : kind::unknown;
        if (expression.has_failed() || !expression.is_at_end()) how = kind::unknown;
        return {how, base, offset};
    }

    void advance(std::uint64_t by) noexcept {
        location_ += static_cast<address>(by * common_.code_factor);
    }

    std::int64_t scaled(std::uint64_t offset) const noexcept {
        return static_cast<std::int64_t>(offset) * common_.data_factor;
    }

    // Others than those that are looked at may be named: those of vectors, for one.
    void set(std::uint64_t number, const frame_rule& rule) noexcept {
        if (number < machine::registers) now_.of[static_cast<std::size_t>(number)] = rule;
    }

    frame_rule initial(std::uint64_t number) const noexcept {
        return number < machine::registers ? initial_.of[static_cast<std::size_t>(number)]
                                           : frame_rule{};
    }

    unsigned based_on(std::uint64_t number) noexcept {
        if (number >= machine::registers) has_failed_ = true;
        return number < machine::registers ? static_cast<unsigned>(number) : 0;
    }

    void remember(byte_reader& code) noexcept {
        if (depth_ == saved_.size()) return code.fail();
        saved_[depth_++] = now_;
    }

    void restore(byte_reader& code) noexcept {
        if (depth_ == 0) return code.fail();
        now_ = saved_[--depth_];
    }

    const common_part& common_;
    address location_;
    const address where_;
    frame_rules now_, initial_;
    std::array<frame_rules, 4> saved_;  // compilers nest them by one
    std::size_t depth_ = 0;
    bool has_failed_ = false;
};

// The sorted table behind .eh_frame_hdr.
// Returns: where the entry of the function is that may contain `where`; 0: none.
address find_entry(own_memory& memory, address header, address where) noexcept {
    unsigned char start[4 + 8 + 8];
    if (!memory.read(header, start, sizeof start)) return 0;
    byte_reader reader(start, header);
    const auto version = reader.take<unsigned char>();
    const auto frame_encoding = reader.take<unsigned char>();
    const auto count_encoding = reader.take<unsigned char>();
    const auto table_encoding = reader.take<unsigned char>();
    if (version != 1 || count_encoding == omitted || table_encoding != 0x3B) return 0;
    reader.take_pointer(frame_encoding, header);
    const std::uint64_t count = reader.take_pointer(count_encoding, header);
    if (reader.has_failed()) return 0;
    const address table = reader.position();

    struct row {
        std::int32_t function, entry;  // from the header
    } found{};

    const auto wanted = static_cast<std::int64_t>(where - header);
    std::uint64_t low = 0, high = count;  // the last row that is not behind: low - 1
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        row seen{};
        if (!memory.read_object(table + static_cast<address>(middle * sizeof(row)), seen)) return 0;
        if (seen.function <= wanted) {
            found = seen;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : header + static_cast<address>(std::int64_t{found.entry});
}

}  // namespace

std::optional<frame_rules> find_frame_rules(own_memory& memory,
                                            const module& in,
                                            address where) noexcept {
    if (in.frame_header == 0) return std::nullopt;
    const address begin = find_entry(memory, in.frame_header, where);
    if (begin == 0) return std::nullopt;
    const entry<4096> bytes(memory, begin);  // of 300,000 functions of compilers 6 have more
    byte_reader own = bytes.reader();
    const address here = own.position();
    const common_part common(memory, here - own.take<std::uint32_t>());
    if (common.instructions().has_failed()) return std::nullopt;
    const address function = own.take_pointer(common.pointer_encoding);
    const address size = own.take_pointer(common.pointer_encoding & 0x0FU);
    if (common.has_extras) own.take_bytes(own.take_uleb());
    if (own.has_failed() || where < function || where - function >= size) return std::nullopt;

    rule_machine runs(common, function, function + size, where);
    runs.run(common.instructions());
    runs.set_initial();
    runs.run(own);
    if (runs.has_failed()) return std::nullopt;
    return runs.rules();
}

}  // namespace edo::detail
