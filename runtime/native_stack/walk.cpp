#include <edo/runtime/native_stack/walk.h>

#include <algorithm>
#include <array>
#include <optional>

#include <edo/runtime/native_stack/call_frame.h>

namespace edo::detail {
namespace {

using kind = frame_rule::kind;

/// What a guess looks at: the words of a stack from an address on, as far as they can be read, and
/// not for ever.
class stack_words {
public:
    stack_words(own_memory& memory, address lowest) noexcept
        : memory_(memory),
          first_((lowest + sizeof(address) - 1) / sizeof(address) * sizeof(address)) {}

    /// Goes to the next, at first to the first. Returns: false behind the last.
    bool advance() noexcept {
        if (++at_ < count_) return true;
        constexpr std::size_t most = 8192;
        first_ += count_ * sizeof(address);
        seen_ += count_;
        at_ = 0;
        count_ = seen_ < most ? words_.size() : 0;
        while (count_ != 0 && !memory_.read(first_, words_.data(), count_ * sizeof(address)))
            count_ /= 2;
        return count_ != 0;
    }

    address slot() const noexcept { return first_ + at_ * sizeof(address); }

    address value() const noexcept { return words_[at_]; }

private:
    own_memory& memory_;
    address first_;
    std::size_t at_ = 0, count_ = 0, seen_ = 0;
    std::array<address, 64> words_;
};

class walk {
public:
    walk(own_memory& memory,
         const modules& mapped,
         address pc,
         const register_set& registers) noexcept
        : memory_(&memory), mapped_(&mapped), registers_(registers), pc_(pc) {
        if (registers_.has(machine::stack_pointer)) lowest_ = registers_[machine::stack_pointer];
    }

    native_frame frame() const noexcept { return {lookup_address(), is_guess_}; }

    /// Goes on to the caller. Returns: false when there is none, or it cannot be found.
    bool step() noexcept {
        const auto rules = rules_here();
        if (rules && rules->is_outermost) return false;
        if (rules && take_exact_step(*rules)) return true;
        return guess(rules ? &*rules : nullptr);
    }

private:
    // A return address may be behind the end of a function that ends with the call.
    address lookup_address() const noexcept { return pc_ - (is_return_address_ ? 1 : 0); }

    std::optional<frame_rules> rules_here() const noexcept {
        const module* const in = mapped_->at(lookup_address());
        if (in == nullptr) return std::nullopt;
        return find_frame_rules(*memory_, *in, lookup_address());
    }

    std::optional<address> value(const frame_rule& rule,
                                 unsigned number,
                                 const std::optional<address>& cfa) const noexcept {
        address found = 0;
        const auto distance = static_cast<address>(rule.offset);
        switch (rule.how) {
            case kind::same:
                return known(number);
            case kind::is_cfa:
                return cfa ? std::optional(*cfa + distance) : std::nullopt;
            case kind::at_cfa:
                if (cfa && memory_->read_object(*cfa + distance, found)) return found;
                return std::nullopt;
            case kind::based:
            case kind::deref_based: {
                const auto base = known(rule.base);
                if (!base || rule.how == kind::based) return base ? *base + distance : base;
                if (memory_->read_object(*base + distance, found)) return found;
                return std::nullopt;
            }
            case kind::unknown:
                break;
        }
        return std::nullopt;
    }

    std::optional<address> known(unsigned number) const noexcept {
        if (!registers_.has(number)) return std::nullopt;
        return registers_[number];
    }

    // What a call returns to must come after a call; where a handler was entered, anything will do.
    bool is_return_address(address where, bool is_interrupted) const noexcept {
        if (!mapped_->is_code(where)) return false;
        return is_interrupted || machine::call_before(*memory_, where).has_value();
    }

    bool take_exact_step(const frame_rules& rules) noexcept {
        const auto cfa = value(rules.cfa, 0, std::nullopt);
        if (!cfa || *cfa < lowest_ || *cfa % sizeof(address) != 0) return false;
        const frame_rule& rule = rules.of[machine::return_address];
        const auto back = value(rule, machine::return_address, cfa);
        if (!back || !is_return_address(machine::plain(*back), rules.is_signal)) return false;
        enter_caller(rules, cfa, machine::plain(*back));
        lowest_ = *cfa;
        is_guess_ = false;
        return true;
    }

    void enter_caller(const frame_rules& rules,
                      const std::optional<address>& cfa,
                      address back) noexcept {
        register_set callers;
        for (unsigned i = 0; i < machine::registers; ++i)
            if (const auto found = value(rules.of[i], i, cfa)) callers.set(i, *found);
        callers.forget(machine::return_address);
        registers_ = callers;
        pc_ = back;
        is_return_address_ = !rules.is_signal;
    }

    // Old return addresses lie about in what functions have not written to yet. A call of this very
    // function is therefore taken before any of which nothing is known.
    bool guess(const frame_rules* rules) noexcept {
        if (rules != nullptr && guess_where_it_is_called(*rules)) return true;
        std::optional<walk> second_best;
        for (stack_words words(*memory_, lowest_); words.advance();) {
            const address back = machine::plain(words.value());
            const likelihood likely = judge(rules, back);
            if (likely == likelihood::none || (likely == likelihood::some && second_best)) continue;
            const walk caller = caller_at(rules, back, words.slot());
            if (!caller.can_go_on()) continue;
            if (likely == likelihood::some) {
                second_best.emplace(caller);
                continue;
            }
            *this = caller;
            return true;
        }
        if (second_best) *this = *second_best;
        return second_best.has_value();
    }

    // A function that calls no other may leave its return address in a register, and that is not
    // known of a thread that waits in the kernel. Then the next one on the stack is its caller's:
    // the call before it says which function the caller is, and its code where it calls this one.
    bool guess_where_it_is_called(const frame_rules& rules) noexcept {
        const bool is_in_register = rules.of[machine::return_address].how == kind::same;
        const auto cfa = value(rules.cfa, 0, std::nullopt);
        if (!is_in_register || registers_.has(machine::return_address) || !cfa) return false;
        bool is_first = true;
        for (stack_words words(*memory_, *cfa); words.advance();) {
            const address back = machine::plain(words.value());
            const auto call =
                mapped_->is_code(back) ? machine::call_before(*memory_, back) : std::nullopt;
            if (!call) continue;
            if (const address where = call_in(call->target, rules.function)) {
                walk caller = *this;
                caller.enter_caller(rules, cfa, where);
                caller.lowest_ = *cfa;
                caller.is_guess_ = true;
                if (caller.returns_by(words.slot()).value_or(is_first)) {
                    *this = caller;
                    return true;
                }
            }
            is_first = false;
        }
        return false;
    }

    // Returns: what the first call of `function` in the function at `target` returns to; 0: none.
    address call_in(address target, address function) const noexcept {
        constexpr address farthest = 65536;
        const address caller = machine::behind_linkage(*memory_, target);
        const module* const in = mapped_->at(caller);
        const auto rules = in != nullptr ? find_frame_rules(*memory_, *in, caller) : std::nullopt;
        if (!rules || rules->function != caller) return 0;
        const address end = std::min(rules->end, caller + farthest);
        for (address at = caller + machine::alignment; at <= end; at += machine::alignment) {
            const auto call = machine::call_before(*memory_, at);
            if (call && call->target != 0 && machine::leads_to(*memory_, call->target, function))
                return at;
        }
        return 0;
    }

    // Whether the return address of this frame is at `slot`; empty when nobody can say.
    std::optional<bool> returns_by(address slot) const noexcept {
        const auto rules = rules_here();
        if (!rules) return false;
        const frame_rule& rule = rules->of[machine::return_address];
        const auto cfa = value(rules->cfa, 0, std::nullopt);
        if (!cfa) return std::nullopt;
        return rule.how == kind::at_cfa && *cfa + static_cast<address>(rule.offset) == slot;
    }

    enum class likelihood : unsigned char { none, some, high };

    likelihood judge(const frame_rules* rules, address back) const noexcept {
        if (!mapped_->is_code(back)) return likelihood::none;
        const auto call = machine::call_before(*memory_, back);
        if (!call) return likelihood::none;
        if (call->target == 0 || rules == nullptr) return likelihood::some;
        return machine::leads_to(*memory_, call->target, rules->function) ? likelihood::high
                                                                          : likelihood::none;
    }

    // The walk as it goes on when `back`, found at `slot`, is the return address of this frame.
    walk caller_at(const frame_rules* rules, address back, address slot) const noexcept {
        frame_rules none;
        for (frame_rule& rule : none.of)
            rule.how = kind::unknown;
        if (rules == nullptr) rules = &none;
        const frame_rule& rule = rules->of[machine::return_address];
        std::optional<address> cfa;
        if (rule.how == kind::at_cfa) cfa = slot - static_cast<address>(rule.offset);
        walk caller = *this;
        caller.enter_caller(*rules, cfa, back);
        caller.lowest_ = cfa.value_or(slot + sizeof(address));
        caller.is_guess_ = true;
        return caller;
    }

    // Whether .eh_frame takes a step from here, or there is none to take. A program that is linked
    // statically may have no table for it; then every step is a guess.
    bool can_go_on() const noexcept {
        const module* const in = mapped_->at(lookup_address());
        if (in == nullptr || in->frame_header == 0) return in != nullptr;
        const auto rules = rules_here();
        if (!rules) return false;
        if (rules->is_outermost || !value(rules->cfa, 0, std::nullopt)) return true;
        walk ahead = *this;
        return ahead.take_exact_step(*rules);
    }

    own_memory* memory_;
    const modules* mapped_;
    register_set registers_;
    address pc_;
    address lowest_ = 0;  // what lies below belongs to frames that have been seen
    bool is_return_address_ = false;
    bool is_guess_ = false;
};

}  // namespace

std::size_t walk_stack(own_memory& memory,
                       const modules& mapped,
                       address pc,
                       const register_set& registers,
                       std::span<native_frame> found) noexcept {
    memory.begin_search();
    walk at(memory, mapped, pc, registers);
    std::size_t count = 0;
    do
        found[count++] = at.frame();
    while (count < found.size() && at.step());
    return count;
}

}  // namespace edo::detail
