#include "atomic.h"
#include "engine.h"
#include <cstdio>
#include <string>

namespace edo_check {
namespace {

const char* name_of(std::memory_order order) noexcept {
    switch (order) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_consume:
        case std::memory_order_acquire:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            return "seq_cst";
    }
    return "?";
}

std::string in_hex(std::uint64_t bits) {
    char text[24];
    std::snprintf(text, sizeof text, bits < 10 ? "%lx" : "0x%lx", static_cast<unsigned long>(bits));
    return text;
}

// Not for the body of a run, which may fail in it and never come back.
void note(const char* operation,
          std::uint32_t object,
          const std::string& what,
          std::memory_order order,
          const std::source_location& at) {
    engine& e = engine::get();
    e.tracer()->add(e.current(), operation,
                    "#" + std::to_string(object) + " " + what + " " + name_of(order), at);
}

// Weakening a load to release, or a store to acquire, is meant as relaxed.
std::memory_order for_load(std::memory_order order) noexcept {
    if (order == std::memory_order_release) return std::memory_order_relaxed;
    return order == std::memory_order_acq_rel ? std::memory_order_acquire : order;
}

std::memory_order for_store(std::memory_order order) noexcept {
    if (order == std::memory_order_acquire) return std::memory_order_relaxed;
    return order == std::memory_order_acq_rel ? std::memory_order_release : order;
}

}  // namespace

/// The location of an object in the present run, checked to be usable by the current thread.
class atomic_word::location_ref {
public:
    location_ref(const atomic_word& word, bool writes) noexcept : e(engine::get()) {
        find(word);
        e.step(e.shared().id_of(*found), writes);
        if (e.is_known()) return;
        // Others may have come first.
        if (e.heap().contains(&word) && e.heap().is_freed(&word))
            e.fail("an atomic operation on freed memory");
        if (found->is_dead) e.fail("an atomic operation on an object that was destroyed");
        const stored& first = found->stores[0];
        const unsigned me = e.current();
        if (found->has_first && first.writer != me &&
            !e.shared().known_to(me).covers(first.writer, first.step))
            e.fail("data race: an atomic operation beside the construction of the object");
    }

    engine& e;
    location* found = nullptr;

private:
    void find(const atomic_word& word) noexcept {
        if (word.run_ == e.run_number()) found = e.shared().find(word.id_, &word);
        if (found != nullptr) return;
        // Made before the run, so visible to everybody.
        found = &e.shared().create(&word, word.bits_, 0);
        found->stores[0].step = 0;
        word.run_ = e.run_number();
        word.id_ = e.shared().id_of(*found);
    }
};

void atomic_word::construct() noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    location& made = e.shared().create(this, bits_, e.current());
    run_ = e.run_number();
    id_ = e.shared().id_of(made);
}

void atomic_word::destroy() noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    if (run_ != e.run_number()) return;
    location* const at = e.shared().find(id_, this);
    if (at == nullptr) return;
    const unsigned me = e.current();
    for (unsigned i = 0; i < max_threads && !e.is_solo() && !e.is_known(); ++i)
        if (i != me && !e.shared().known_to(me).covers(i, at->used_by.at[i]))
            e.fail("data race: an object is destroyed beside an atomic operation on it");
    at->is_dead = true;
}

std::uint64_t atomic_word::load_bits(std::memory_order order, const place& at) const noexcept {
    if (!engine::is_inside()) return bits_;
    location_ref ref(*this, false);
    if (const mutation* m = ref.e.mutation_at(at);
        m != nullptr && m->what() == mutant::kind::weaken)
        order = for_load(m->order());
    const std::uint64_t bits = ref.e.shared().load(*ref.found, ref.e.current(), order);
    if (ref.e.tracer() != nullptr) {
        const engine::outside here;
        note("load", id_,
             "-> " + in_hex(bits) + (bits != ref.found->newest().value ? " (old)" : ""), order, at);
    }
    return bits;
}

std::uint64_t atomic_word::newest_bits(const place& at) const noexcept {
    if (!engine::is_inside()) return bits_;
    location_ref ref(*this, false);
    const std::uint64_t bits = ref.found->newest().value;
    if (ref.e.tracer() != nullptr) {
        const engine::outside here;
        note("look", id_, "-> " + in_hex(bits), std::memory_order_relaxed, at);
    }
    return bits;
}

std::uint64_t atomic_word::glimpsed_bits() const noexcept {
    engine& e = engine::get();
    location* const at = run_ == e.run_number() ? e.shared().find(id_, this) : nullptr;
    return at != nullptr ? at->newest().value : bits_;
}

void atomic_word::store_bits(std::uint64_t bits,
                             std::memory_order order,
                             const place& at) noexcept {
    if (!engine::is_inside()) {
        bits_ = bits;
        return;
    }
    location_ref ref(*this, true);
    if (const mutation* m = ref.e.mutation_at(at); m != nullptr) {
        if (m->what() == mutant::kind::skip) return;
        if (m->what() == mutant::kind::weaken) order = for_store(m->order());
    }
    ref.e.shared().store(*ref.found, ref.e.current(), bits, order);
    if (ref.e.tracer() != nullptr) {
        const engine::outside here;
        note("store", id_, "<- " + in_hex(bits), order, at);
    }
}

std::uint64_t atomic_word::change_bits(change how,
                                       std::uint64_t operand,
                                       std::memory_order order,
                                       const place& at) noexcept {
    const std::uint64_t mask =
        bytes_ == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes_) - 1;
    const auto changed = [&](std::uint64_t old) noexcept {
        switch (how) {
            case change::exchange:
                return operand;
            case change::add:
                return (old + operand) & mask;
            case change::subtract:
                return (old - operand) & mask;
            case change::bit_or:
                return old | operand;
            case change::bit_and:
                return old & operand;
            case change::bit_xor:
                return old ^ operand;
        }
        return old;
    };
    if (!engine::is_inside()) {
        const std::uint64_t old = bits_;
        bits_ = changed(old);
        return old;
    }
    location_ref ref(*this, true);
    memory_model& m = ref.e.shared();
    const unsigned me = ref.e.current();
    std::uint64_t old = 0;
    const mutation* const bug = ref.e.mutation_at(at);
    if (bug != nullptr && bug->what() == mutant::kind::weaken) order = bug->order();
    if (bug != nullptr && bug->what() == mutant::kind::tear) {
        old = m.load(*ref.found, me, for_load(order));
        ref.e.step();
        m.store(*ref.found, me, changed(old), for_store(order));
    } else if (bug != nullptr && bug->what() == mutant::kind::skip) {
        old = m.load(*ref.found, me, for_load(order));
    } else {
        old = m.exchange(*ref.found, me, changed(ref.found->newest().value), order);
    }
    if (ref.e.tracer() != nullptr) {
        const engine::outside here;
        note("change", id_, in_hex(old) + " => " + in_hex(changed(old)), order, at);
    }
    return old;
}

bool atomic_word::compare_exchange_bits(std::uint64_t& expected,
                                        std::uint64_t desired,
                                        bool is_weak,
                                        std::memory_order success,
                                        std::memory_order failure,
                                        const place& at) noexcept {
    if (!engine::is_inside()) {
        if (bits_ != expected) {
            expected = bits_;
            return false;
        }
        bits_ = desired;
        return true;
    }
    location_ref ref(*this, true);
    memory_model& m = ref.e.shared();
    const unsigned me = ref.e.current();
    const std::uint64_t wanted = expected;
    const mutation* const bug = ref.e.mutation_at(at);
    bool done = false;
    if (bug != nullptr && bug->what() == mutant::kind::tear) {
        const std::uint64_t old = m.load(*ref.found, me, for_load(success));
        done = old == expected;
        expected = old;
        if (done) {
            ref.e.step();
            m.store(*ref.found, me, desired, for_store(success));
        }
    } else if (bug != nullptr && bug->what() == mutant::kind::skip) {
        const std::uint64_t old = m.load(*ref.found, me, for_load(success));
        done = old == expected;
        expected = old;
    } else {
        if (bug != nullptr) {
            success = bug->order();
            failure = std::memory_order_relaxed;
        }
        const bool may_fail =
            is_weak && ref.found->newest().value == expected && ref.e.may_fail_at(at);
        done = m.compare_exchange(*ref.found, me, expected, desired, may_fail, success, failure);
    }
    if (ref.e.tracer() != nullptr) {
        const engine::outside here;
        if (done) {
            note("compare-exchange", id_, in_hex(wanted) + " => " + in_hex(desired), success, at);
        } else {
            note("compare-exchange", id_, in_hex(wanted) + " refused, is " + in_hex(expected),
                 failure, at);
        }
    }
    return done;
}

void fence(std::memory_order order, std::source_location at) noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    e.step();
    if (const mutation* bug = e.mutation_at(at); bug != nullptr) {
        if (bug->what() == mutant::kind::skip) return;
        order = bug->order();
    }
    e.shared().fence(e.current(), order);
    if (e.tracer() != nullptr) {
        const engine::outside here;
        e.tracer()->add(e.current(), "fence", name_of(order), at);
    }
}

namespace {

void asymmetric_fence(const char* name,
                      void (memory_model::*side)(unsigned) noexcept,
                      const std::source_location& at) noexcept {
    if (!engine::is_inside()) return;
    engine& e = engine::get();
    e.step();
    if (const mutation* bug = e.mutation_at(at);
        bug != nullptr && bug->what() == mutant::kind::skip)
        return;
    (e.shared().*side)(e.current());
    if (e.tracer() != nullptr) {
        const engine::outside here;
        e.tracer()->add(e.current(), "fence", name, at);
    }
}

}  // namespace

void compiler_fence(std::source_location at) noexcept {
    asymmetric_fence("light", &memory_model::light_fence, at);
}

int membarrier(int, std::source_location at) noexcept {
    asymmetric_fence("heavy", &memory_model::heavy_fence, at);
    return 0;
}

void spin_hint() noexcept {
    if (engine::is_inside()) engine::get().yield();
}

}  // namespace edo_check
