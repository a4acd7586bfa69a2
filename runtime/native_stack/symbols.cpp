#include <edo/runtime/native_stack/symbols.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <link.h>
#include <memory>
#include <optional>
#include <string_view>

#include <edo/base/seam/sys.h>
#include <edo/base/unique_fd.h>

namespace edo::detail {
namespace {

class file_view {
public:
    explicit file_view(const char* path) noexcept : fd_(sys::open(path, O_RDONLY | O_CLOEXEC)) {}

    bool read(std::uint64_t from, void* to, std::size_t size) const noexcept {
        return fd_ && sys::pread(fd_.get(), to, size, static_cast<off_t>(from)) ==
                          static_cast<ssize_t>(size);
    }

    /// A text of at most 1000 characters: of those that are longer the demangler wants nothing.
    std::string text(std::uint64_t from) const {
        char text[1001] = {};
        if (fd_) sys::pread(fd_.get(), text, sizeof text - 1, static_cast<off_t>(from));
        return text;
    }

private:
    unique_fd fd_;
};

// The first bytes have where the tables are, and by habit of the linkers what identifies the build.
bool is_what_was_mapped(const file_view& file, const module& in) noexcept {
    constexpr std::size_t compared = 1024;
    unsigned char mapped[compared], stored[compared];
    if (in.segments.empty() || !file.read(0, stored, compared)) return false;
    return read_memory(in.segments.front().begin, mapped, compared) &&
           std::memcmp(mapped, stored, compared) == 0 && std::memcmp(stored, ELFMAG, SELFMAG) == 0;
}

class symbol_table {
public:
    ElfW(Shdr) symbols{}, names {};
};

std::optional<symbol_table> find_table(const file_view& file) {
    ElfW(Ehdr) header;
    if (!file.read(0, &header, sizeof header) || header.e_shentsize != sizeof(ElfW(Shdr)))
        return std::nullopt;
    std::vector<ElfW(Shdr)> sections(header.e_shnum);
    if (!file.read(header.e_shoff, sections.data(), sections.size() * sizeof(ElfW(Shdr))))
        return std::nullopt;
    for (const ElfW(Word) type : {ElfW(Word){SHT_SYMTAB}, ElfW(Word){SHT_DYNSYM}}) {
        const auto found = std::ranges::find(sections, type, &ElfW(Shdr)::sh_type);
        if (found != sections.end() && found->sh_link < sections.size())
            return symbol_table{*found, sections[found->sh_link]};
    }
    return std::nullopt;
}

class best_symbol {
public:
    address value = 0;
    std::uint64_t name = 0;
    bool is_found = false;

    // Of two names the weak one is that which people know: read and __read.
    void consider(const ElfW(Sym) & symbol) noexcept {
        if (is_found && symbol.st_value < value) return;
        const bool is_weak = symbol.st_info >> 4U == STB_WEAK;
        if (is_found && symbol.st_value == value && !is_weak) return;
        value = symbol.st_value;
        name = symbol.st_name;
        is_found = true;
    }
};

/// One of the places whose functions are looked for.
class sought {
public:
    sought(located& to, address address_in_file) noexcept : place(&to), at(address_in_file) {}

    located* place;
    address at;
    best_symbol best;
};

// Most symbols are of no interest, so this has to be fast for those: `places` are in order.
void consider(const ElfW(Sym) & symbol, std::span<sought> places) noexcept {
    const unsigned type = symbol.st_info & 0xFU;
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF) return;
    const auto first = std::ranges::lower_bound(places, symbol.st_value, {}, &sought::at);
    for (sought& each : std::span(first, places.end())) {
        // Those that assembly forgot to give a size reach as far as the next.
        if (symbol.st_size != 0 && each.at - symbol.st_value >= symbol.st_size) break;
        each.best.consider(symbol);
    }
}

}  // namespace

void find_symbols(const module& in, std::span<located> wanted) {
    const file_view file(in.file());
    if (!is_what_was_mapped(file, in)) return;
    const auto table = find_table(file);
    if (!table) return;

    std::vector<sought> places;
    for (located& each : wanted)
        if (in.contains(each.at)) places.emplace_back(each, each.at - in.base);
    std::ranges::sort(places, {}, &sought::at);

    constexpr std::size_t at_once = 2048;
    std::vector<ElfW(Sym)> chunk(at_once);
    const std::size_t count = table->symbols.sh_size / sizeof(ElfW(Sym));
    for (std::size_t first = 0; first < count; first += at_once) {
        const std::size_t size = std::min(at_once, count - first);
        const std::uint64_t from = table->symbols.sh_offset + first * sizeof(ElfW(Sym));
        if (!file.read(from, chunk.data(), size * sizeof(ElfW(Sym)))) return;
        for (const ElfW(Sym) & symbol : std::span(chunk).first(size))
            consider(symbol, places);
    }
    for (const sought& each : places) {
        if (!each.best.is_found) continue;
        each.place->symbol = file.text(table->names.sh_offset + each.best.name);
        each.place->offset = each.at - each.best.value;
    }
}

namespace {

// Where the group ends that begins with the parenthesis at the front.
std::size_t end_of_group(std::string_view text) noexcept {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return i + 1;
    }
    return text.size();
}

// Of "int f<void (*)(long)>(char) const [clone .cold]" remains "f<void >", or "f<>".
std::string without_types(std::string_view name, bool with_arguments) {
    constexpr std::string_view of_constant = " const";
    std::string kept;
    std::size_t depth = 0;  // in template arguments
    name = name.substr(0, name.find(" [clone"));
    while (!name.empty()) {
        std::size_t taken = 1;
        for (const std::string_view whole : {"(anonymous namespace)", "operator()", "operator<<",
                                             "operator<", "operator->", "operator>>", "operator>"})
            if (name.starts_with(whole)) taken = std::max(taken, whole.size());
        const bool is_shown = with_arguments || depth == 0;
        if (taken == 1 && name.front() == '<') ++depth;
        if (taken == 1 && name.front() == '>' && depth != 0) --depth;
        if (name.starts_with(of_constant)) {
            name.remove_prefix(of_constant.size());
            continue;
        }
        if (taken == 1 && name.front() == '(') {
            name.remove_prefix(end_of_group(name));
            continue;
        }
        // A space outside of all is behind the type of what a template returns, or in an operator's
        // name: "operator bool", "operator<< <int>".
        if (taken == 1 && name.front() == ' ' && depth == 0 && !kept.ends_with("operator") &&
            !name.starts_with(" <"))
            kept.clear();
        else if (is_shown || depth == 0)
            kept.append(name.substr(0, taken));
        name.remove_prefix(taken);
    }
    return kept;
}

}  // namespace

std::string readable_name(const std::string& symbol) {
    constexpr std::size_t longest = 100;
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> demangled(
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
    std::string name = demangled ? without_types(demangled.get(), true) : symbol;
    if (demangled && name.size() > longest) name = without_types(demangled.get(), false);
    if (name.size() > longest) name = name.substr(0, longest) + "...";
    return name;
}

}  // namespace edo::detail
