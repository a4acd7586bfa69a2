# How tests are registered. Every GoogleTest case is a CTest test of its own: a crash names one case,
# and cases run side by side.

find_package(GTest QUIET)
if(NOT GTest_FOUND)
    message(FATAL_ERROR "The tests need GoogleTest (Debian: libgtest-dev libgmock-dev). "
                        "Run tools/setup.sh, or configure with -DEDO_TESTS=OFF.")
endif()
include(GoogleTest)

# Line tables are enough for a backtrace of a test; more makes a third of the time that g++ takes at -O2.
function(edo_test_options target)
    edo_own_target(${target})
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-g1>)
endfunction()

# edo_test(<name> SOURCES <file>... [LABELS <label>...] [LIBRARIES <target>...] [INCLUDE <folder>...]
#          [TIMEOUT <seconds>] [SERIAL])
# One program, bin/<name>, with all its cases. LABELS defaults to unit. SERIAL keeps its cases away from
# all others, for what measures time.
function(edo_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;LABELS;LIBRARIES;INCLUDE")
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(CMAKE_CROSSCOMPILING_EMULATOR)
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 10")  # what spins on atomics is that much slower
    endif()
    add_executable(${name} ${arg_SOURCES})
    edo_test_options(${name})
    target_link_libraries(${name} PRIVATE edo_test_support ${arg_LIBRARIES})
    target_include_directories(${name} PRIVATE ${arg_INCLUDE})
    target_precompile_headers(${name} REUSE_FROM edo_test_support)
    set(serial "")
    if(arg_SERIAL)
        set(serial RUN_SERIAL TRUE)
    endif()
    # Each case carries its program's name, so that `ctest -R edo_sync_test` runs one layer.
    gtest_discover_tests(${name}
        TEST_PREFIX ${name}:
        DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ${serial})
endfunction()

# edo_layer_test(<layer> [arguments of edo_test...]): edo_<layer>_test from all *_test.cpp of the
# calling folder. Collected and not listed: a test that somebody forgot to list would never fail.
# SUPPORT_FILES are compiled into it only if there is a test.
function(edo_layer_test layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SUPPORT_FILES")
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
    if(files)
        edo_test(edo_${layer}_test SOURCES ${files} ${arg_SUPPORT_FILES} ${arg_UNPARSED_ARGUMENTS})
    endif()
endfunction()
