#include <edo/runtime/native_stack/modules.h>

#include <cerrno>
#include <link.h>
#include <new>
#include <string_view>

namespace edo::detail {
namespace {

module to_module(const dl_phdr_info& info) {
    module made;
    made.path = info.dlpi_name != nullptr ? info.dlpi_name : "";
    made.base = info.dlpi_addr;
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        const ElfW(Phdr)& header = info.dlpi_phdr[i];
        const address begin = info.dlpi_addr + header.p_vaddr;
        if (header.p_type == PT_LOAD)
            made.segments.push_back({begin, begin + header.p_memsz, (header.p_flags & PF_X) != 0});
        if (header.p_type == PT_GNU_EH_FRAME) made.frame_header = begin;
    }
    return made;
}

// Returns: not zero, which ends the iteration, when memory is short: no exception may pass the
// dynamic linker.
int take_module(dl_phdr_info* info, std::size_t, void* list) noexcept {
    try {
        static_cast<std::vector<module>*>(list)->push_back(to_module(*info));
        return 0;
    } catch (const std::bad_alloc&) {
        return 1;
    }
}

}  // namespace

bool module::contains(address at) const noexcept {
    for (const segment& part : segments)
        if (part.contains(at)) return true;
    return false;
}

std::string module::name() const {
    const std::string_view whole = path.empty() ? program_invocation_short_name : path.c_str();
    return std::string(whole.substr(whole.rfind('/') + 1));
}

modules::modules() {
    if (dl_iterate_phdr(&take_module, &all_) != 0) throw std::bad_alloc();
}

const module* modules::at(address where) const noexcept {
    for (const module& one : all_)
        if (one.contains(where)) return &one;
    return nullptr;
}

bool modules::is_code(address where) const noexcept {
    for (const module& one : all_)
        for (const module::segment& part : one.segments)
            if (part.contains(where)) return part.is_code;
    return false;
}

}  // namespace edo::detail
