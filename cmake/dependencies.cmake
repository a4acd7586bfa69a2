# What the library itself needs: libc with threads, and liburing when there is one.

find_package(Threads REQUIRED)

set(EDO_HAS_URING OFF)
if(NOT EDO_URING MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "EDO_URING is \"${EDO_URING}\"; it must be AUTO, ON or OFF")
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT EDO_URING STREQUAL "OFF")
    # The search path is this scope's alone: a parent project keeps its own find modules.
    list(PREPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)
    find_package(liburing 2.3 QUIET)
    list(POP_FRONT CMAKE_MODULE_PATH)
    set(EDO_HAS_URING ${liburing_FOUND})
endif()
if(EDO_URING STREQUAL "ON" AND NOT EDO_HAS_URING)
    message(FATAL_ERROR "EDO_URING is ON, but liburing 2.3 or later was not found. "
                        "Install liburing-dev, or set EDO_URING to AUTO or OFF.")
endif()
if(EDO_HAS_URING)
    message(STATUS "edo: io_uring with liburing ${liburing_VERSION}, epoll")
else()
    message(STATUS "edo: epoll only (io_uring needs liburing 2.3 or later and EDO_URING not OFF)")
endif()
