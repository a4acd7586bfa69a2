#include <edo/runtime/native_stack/native_stack.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string_view>
#include <vector>

#include <edo/base/seam/interrupt.h>
#include <edo/runtime/native_stack/symbols.h>

namespace edo::detail {
namespace {

std::string with_offset(std::string name, address offset) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "+0x%zx", static_cast<std::size_t>(offset));
    return name + digits;
}

// Which of these it is depends on what the compiler has put into which.
bool is_schedulers(std::string_view name) noexcept {
    for (const std::string_view own :
         {"edo::detail::task_header::run", "edo::context::run", "edo::detail::worker::"})
        if (name.starts_with(own)) return true;
    return false;
}

// Each module's table is read once.
void find_all_symbols(const modules& mapped, std::span<located> places) {
    std::vector<const module*> seen;
    for (const located& place : places) {
        const module* const in = mapped.at(place.at);
        if (in == nullptr || std::ranges::find(seen, in) != seen.end()) continue;
        find_symbols(*in, places);
        seen.push_back(in);
    }
}

std::string text_of(const modules& mapped, const located& place) {
    if (!place.symbol.empty()) return with_offset(readable_name(place.symbol), place.offset);
    if (const module* const in = mapped.at(place.at))
        return with_offset(in->name(), place.at - in->base);
    return with_offset("", place.at).substr(1);  // code that was made at run time
}

}  // namespace

void native_stack::look(address program_counter, address stack_pointer) noexcept {
    register_set known;
    known.set(machine::stack_pointer, stack_pointer);
    count_ = walk_stack(memory_, mapped_, program_counter, known, frames_);
}

bool native_stack::interrupt_and_look(int thread_id) noexcept {
    // Longer than a thread waits for its turn on a machine that is not overloaded.
    constexpr duration patience = std::chrono::milliseconds(20);
    const auto look_at = [](void* self, const ucontext_t& at) noexcept {
        native_stack& own = *static_cast<native_stack*>(self);
        own.count_ = walk_stack(own.memory_, own.mapped_, program_counter_of(at), register_set(at),
                                own.frames_);
    };
    return interrupt(thread_id, patience, look_at, this);
}

std::string native_stack::text() const {
    constexpr std::size_t shown_at_each_end = 8;
    // A recursion has few different ones.
    std::vector<located> places;
    std::vector<std::size_t> place_of(count_);
    for (std::size_t i = 0; i < count_; ++i) {
        const auto found = std::ranges::find(places, frames_[i].at, &located::at);
        place_of[i] = static_cast<std::size_t>(found - places.begin());
        if (found == places.end()) places.emplace_back().at = frames_[i].at;
    }
    find_all_symbols(mapped_, places);

    std::vector<std::string> texts;
    for (const std::size_t place : place_of) {
        texts.push_back(text_of(mapped_, places[place]));
        if (is_schedulers(texts.back())) {
            texts.pop_back();
            break;
        }
        if (frames_[texts.size() - 1].is_guess) texts.back().insert(0, "perhaps ");
    }
    std::string line;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i != 0) line += " <- ";
        if (i == shown_at_each_end && texts.size() > 2 * shown_at_each_end) {
            i = texts.size() - shown_at_each_end;
            line += '(' + std::to_string(i - shown_at_each_end) + " more) <- ";
        }
        line += texts[i];
    }
    return line;
}

}  // namespace edo::detail
