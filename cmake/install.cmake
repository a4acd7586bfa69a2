# Installation: the library, its headers, a CMake package and a pkg-config file.

include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/edo)

install(TARGETS edo EXPORT edo_targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(layer IN LISTS edo_layers)
    install(DIRECTORY ${layer}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/edo/${layer}
            FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES edo.h fwd.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/edo)

# Who links a static Edo also links what Edo needs; a shared one brings it along.
get_target_property(library_type edo TYPE)
set(EDO_NEEDS_LIBURING OFF)
set(EDO_PC_REQUIRES "")
set(EDO_PC_REQUIRES_PRIVATE "")
set(EDO_PC_LIBS "")
set(EDO_PC_LIBS_PRIVATE "")
if(library_type STREQUAL "STATIC_LIBRARY")
    # Only an archive is installed, so plain `pkg-config --libs edo` must be enough to link it.
    set(EDO_PC_LIBS " ${CMAKE_THREAD_LIBS_INIT}")
    if(EDO_HAS_URING)
        set(EDO_NEEDS_LIBURING ON)
        set(EDO_PC_REQUIRES "liburing >= 2.3")
    endif()
else()
    set(EDO_PC_LIBS_PRIVATE "${CMAKE_THREAD_LIBS_INIT}")
    if(EDO_HAS_URING)
        set(EDO_PC_REQUIRES_PRIVATE "liburing >= 2.3")
    endif()
endif()

install(EXPORT edo_targets NAMESPACE edo:: FILE edoTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(cmake/edo-config.cmake.in edoConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(edoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edoConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/edoConfigVersion.cmake
        DESTINATION ${package_folder})
if(EDO_NEEDS_LIBURING)
    install(FILES cmake/Findliburing.cmake DESTINATION ${package_folder})
endif()

# The .pc file finds its prefix from its own place, so the installed tree can be moved.
file(RELATIVE_PATH EDO_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" EDO_PC_UP "${EDO_PC_UP}")
configure_file(cmake/edo.pc.in edo.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
