# What Edo's own targets have in common. Nothing here reaches a user's target: warnings, prefix maps
# and output directories are private, only the include path and the language standard are public.

set(EDO_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wundef -Wextra-semi
    -Wmissing-declarations -Wimplicit-fallthrough
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
    $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
    $<$<CXX_COMPILER_ID:Clang>:-Wunreachable-code-aggressive>)

# edo_own_target(<target>): language, warnings, short paths in messages and dumps, bin/.
function(edo_own_target target)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_compile_options(${target} PRIVATE
        ${EDO_WARNINGS}
        $<$<BOOL:${EDO_WERROR}>:-Werror>
        # std::source_location then names net/tcp_stream.h on every machine. The last match wins.
        -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
        -ffile-prefix-map=${PROJECT_BINARY_DIR}/include/edo/=
        # g++ turns symmetric transfer into a tail call at -O0 only when asked to.
        $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Debug>>:-foptimize-sibling-calls>)
    set_target_properties(${target} PROPERTIES
        CXX_EXTENSIONS OFF
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# edo_configure_library(<target>): what the library and its other builds share.
function(edo_configure_library target)
    edo_own_target(${target})
    set_target_properties(${target} PROPERTIES UNITY_BUILD ${EDO_UNITY} UNITY_BUILD_MODE GROUP)
    target_include_directories(${target} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    # Files and not targets in the build tree: an imported target of this folder would be unknown to
    # a parent project that links edo, and a global one would leak into it.
    target_link_libraries(${target} PRIVATE
        $<BUILD_INTERFACE:${CMAKE_THREAD_LIBS_INIT}> $<INSTALL_INTERFACE:Threads::Threads>)
    if(EDO_HAS_URING)
        target_compile_definitions(${target} PRIVATE EDO_HAS_URING=1)
        target_include_directories(${target} SYSTEM PRIVATE
            $<BUILD_INTERFACE:${liburing_INCLUDE_DIR}>)
        target_link_libraries(${target} PRIVATE
            $<BUILD_INTERFACE:${liburing_LIBRARY}> $<INSTALL_INTERFACE:liburing::liburing>)
    endif()
endfunction()

# edo_sources(<file>...): adds files of the calling layer to the library and to its other builds. With
# EDO_UNITY a layer is compiled as one unit: most of what a small file costs is the reading of headers.
function(edo_sources)
    set(files ${ARGN})
    list(TRANSFORM files PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    get_filename_component(layer ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    set_source_files_properties(${files} TARGET_DIRECTORY edo PROPERTIES UNITY_GROUP ${layer})
    foreach(build edo edo_seams edo_uncounted)
        if(TARGET ${build})
            target_sources(${build} PRIVATE ${files})
        endif()
    endforeach()
endfunction()

# edo_program(<name> SOURCES <file>... [LIBRARIES <target>...]): a program of this repository in bin/.
function(edo_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
    add_executable(${name} ${arg_SOURCES})
    edo_own_target(${name})
    target_link_libraries(${name} PRIVATE ${edo_program_library} ${arg_LIBRARIES})
endfunction()
