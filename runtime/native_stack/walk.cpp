#include <edo/runtime/native_stack/walk.h>

#include <optional>

#include <edo/runtime/native_stack/call_frame.h>

namespace edo::detail {
namespace {

using kind = frame_rule::kind;

// How far a guess looks.
constexpr std::size_t farthest_words = 8192;

class walk {
public:
    walk(const modules& mapped, address pc, const register_set& registers) noexcept
        : mapped_(&mapped), registers_(registers), pc_(pc) {
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
        return find_frame_rules(*in, lookup_address());
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
                if (cfa && read_object(*cfa + distance, found)) return found;
                return std::nullopt;
            case kind::based:
            case kind::deref_based: {
                const auto base = known(rule.base);
                if (!base || rule.how == kind::based) return base ? *base + distance : base;
                if (read_object(*base + distance, found)) return found;
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
        return is_interrupted || machine::call_before(where).has_value();
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
        constexpr std::size_t words_at_once = 64;
        address words[words_at_once];
        std::optional<walk> second_best;
        const address first = (lowest_ + sizeof(address) - 1) / sizeof(address) * sizeof(address);
        std::size_t count = 0;
        for (std::size_t seen = 0; seen < farthest_words; seen += count) {
            const address from = first + seen * sizeof(address);
            count = words_at_once;
            while (count != 0 && !read_memory(from, words, count * sizeof(address)))
                count /= 2;
            if (count == 0) break;  // the end of the stack
            for (std::size_t i = 0; i < count; ++i) {
                const address back = machine::plain(words[i]);
                const likelihood likely = judge(rules, back);
                if (likely == likelihood::none || (likely == likelihood::some && second_best))
                    continue;
                const walk caller = caller_at(rules, back, from + i * sizeof(address));
                if (!caller.can_go_on()) continue;
                if (likely == likelihood::some) {
                    second_best.emplace(caller);
                    continue;
                }
                *this = caller;
                return true;
            }
        }
        if (second_best) *this = *second_best;
        return second_best.has_value();
    }

    enum class likelihood : unsigned char { none, some, high };

    likelihood judge(const frame_rules* rules, address back) const noexcept {
        if (!mapped_->is_code(back)) return likelihood::none;
        const auto call = machine::call_before(back);
        if (!call) return likelihood::none;
        if (call->target == 0 || rules == nullptr) return likelihood::some;
        return machine::leads_to(call->target, rules->function) ? likelihood::high
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

    const modules* mapped_;
    register_set registers_;
    address pc_;
    address lowest_ = 0;  // what lies below belongs to frames that have been seen
    bool is_return_address_ = false;
    bool is_guess_ = false;
};

}  // namespace

std::size_t walk_stack(const modules& mapped,
                       address pc,
                       const register_set& registers,
                       std::span<native_frame> found) noexcept {
    walk at(mapped, pc, registers);
    std::size_t count = 0;
    do
        found[count++] = at.frame();
    while (count < found.size() && at.step());
    return count;
}

}  // namespace edo::detail
