// Fuzzes the request parser with three properties:
//   split invariance  whole, byte by byte and at cuts taken from the input, it says the same
//   no over-read      every call sees an allocation of exactly its bytes (with -fsanitize=address)
//   bounded work      bytes looked at and calls made grow no faster than the input
// The first four bytes of an input choose limits and cuts, the rest is what a client sends.

#include "http/parser.h"
#include "http_transcript.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using http::testing::transcript;

constexpr std::size_t prefix_size = 4;

[[noreturn]] void report(const char* property, const transcript& a, const transcript& b) {
    std::fprintf(stderr, "broken: %s\n--- one ---\n%s\n--- other ---\n%s\n", property,
                 a.text.c_str(), b.text.c_str());
    std::abort();
}

/// Small limits half of the time: inputs are short, and the edges must be reached.
http::limits limits_from(std::size_t choice) {
    if ((choice & 1U) == 0) return {};
    return {.method = 4U + (choice >> 5U),
            .request_line = 24U + (choice >> 2U),
            .header_section = 40U + choice,
            .fields = 1U + (choice >> 6U),
            .content = choice >> 3U,
            .chunk_extensions = choice >> 4U,
            .trailer_section = 2U + (choice >> 3U)};
}

void check_work(const transcript& seen, std::size_t size) {
    // A byte is passed over once, and once more with its line; a target once more as a target.
    if (seen.work > 3 * size + 16) report("bounded work", seen, seen);
    // A call ends because bytes are missing, or with an event that took a byte, or with complete.
    if (seen.calls > 3 * size + 4) report("bounded calls", seen, seen);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < prefix_size) return 0;
    const http::limits accepted = limits_from(data[0]);
    const std::uint32_t seed = data[1] | static_cast<std::uint32_t>(data[2]) << 8U;
    const std::size_t longest_piece = 1U + data[3];
    const void* const bytes = data + prefix_size;
    const std::string_view sent{static_cast<const char*>(bytes), size - prefix_size};

    const auto whole = http::testing::transcribe_whole(sent, accepted);
    const auto bytewise = http::testing::transcribe_bytewise(sent, accepted);
    std::minstd_rand random{seed + 1};
    const auto cut = http::testing::transcribe(
        sent, accepted, [&](std::size_t end) { return end + 1 + random() % longest_piece; });

    if (!bytewise.agrees_with(whole)) report("split invariance, byte by byte", whole, bytewise);
    if (!cut.agrees_with(whole)) report("split invariance, random cuts", whole, cut);
    for (const auto* seen : {&whole, &bytewise, &cut})
        check_work(*seen, sent.size());
    return 0;
}
