# Finds liburing and its version. Used by Edo's build and, installed beside edoConfig.cmake, by the
# projects that link a static Edo.
#
# Defines: liburing_FOUND, liburing_VERSION, liburing_INCLUDE_DIR, liburing_LIBRARY and the target
# liburing::liburing.

find_path(liburing_INCLUDE_DIR liburing.h)
find_library(liburing_LIBRARY uring)
mark_as_advanced(liburing_INCLUDE_DIR liburing_LIBRARY)

# Older headers do not name their version; the .pc file beside the library always does.
unset(liburing_VERSION)
if(liburing_LIBRARY)
    get_filename_component(_liburing_folder ${liburing_LIBRARY} DIRECTORY)
    set(_liburing_pc ${_liburing_folder}/pkgconfig/liburing.pc)
    if(EXISTS ${_liburing_pc})
        file(STRINGS ${_liburing_pc} _liburing_line REGEX "^Version:")
        string(REGEX REPLACE "^Version:[ \t]*" "" liburing_VERSION "${_liburing_line}")
    endif()
    unset(_liburing_folder)
    unset(_liburing_pc)
    unset(_liburing_line)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(liburing
    REQUIRED_VARS liburing_LIBRARY liburing_INCLUDE_DIR
    VERSION_VAR liburing_VERSION)

if(liburing_FOUND AND NOT TARGET liburing::liburing)
    add_library(liburing::liburing UNKNOWN IMPORTED)
    set_target_properties(liburing::liburing PROPERTIES
        IMPORTED_LOCATION ${liburing_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${liburing_INCLUDE_DIR})
endif()
