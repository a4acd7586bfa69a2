#pragma once

#include <string>
#include <vector>

#include <edo/runtime/native_stack/own_memory.h>

namespace edo::detail {

/// The program or a shared library, as it is mapped.
class module {
public:
    class segment {
    public:
        address begin = 0, end = 0;
        bool is_code = false;

        bool contains(address at) const noexcept { return begin <= at && at < end; }
    };

    std::string path;          ///< empty: the program
    address base = 0;          ///< what is to be added to addresses in the file
    address frame_header = 0;  ///< .eh_frame_hdr; 0: none
    std::vector<segment> segments;

    bool contains(address at) const noexcept;
    /// As a report calls it: the last part of the path.
    std::string name() const;

    /// The file that was mapped.
    const char* file() const noexcept { return path.empty() ? "/proc/self/exe" : path.c_str(); }
};

/// All modules that were mapped when it was made.
///
/// Asks the dynamic linker for the list only (dl_iterate_phdr): dladdr would wait for the lock that
/// dlopen holds for as long as it runs constructors, and dlopen may be the call that blocks.
class modules {
public:
    /// Throws std::bad_alloc.
    modules();

    /// Returns: null when no module is mapped there.
    const module* at(address where) const noexcept;
    bool is_code(address where) const noexcept;

private:
    std::vector<module> all_;
};

}  // namespace edo::detail
