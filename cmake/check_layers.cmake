# Fails when a folder includes one that is not below it:  cmake -DROOT=<repository> -P check_layers.cmake
#
#                net
#              runtime
#        io    timer    sync        siblings do not know each other
#               task
#               base
cmake_minimum_required(VERSION 3.25)

set(below_base "base")
set(below_task "base;task")
set(below_timer "base;task;timer")
set(below_io "base;task;io")
set(below_sync "base;task;sync")
set(below_runtime "base;task;timer;io;sync;runtime")
set(below_net "base;task;timer;io;sync;runtime;net")

if(NOT IS_DIRECTORY "${ROOT}")
    message(FATAL_ERROR "check_layers: ROOT is \"${ROOT}\", which is not a folder")
endif()

set(found "")
set(file_count 0)
foreach(layer base task timer io sync runtime net)
    file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/${layer}/*.h ${ROOT}/${layer}/*.cpp)
    foreach(file IN LISTS files)
        math(EXPR file_count "${file_count} + 1")
        file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include")
        foreach(line IN LISTS lines)
            if(line MATCHES "include[ \t]*\"")
                string(APPEND found "  ${file}: ${line}\n"
                       "    Edo's headers have one spelling: <edo/layer/name.h>\n")
            elseif(line MATCHES "<edo/([a-z_]+)/")
                if(NOT CMAKE_MATCH_1 IN_LIST below_${layer})
                    string(REPLACE ";" ", " allowed "${below_${layer}}")
                    string(APPEND found "  ${file}: ${line}\n"
                           "    ${layer}/ may include only: ${allowed}\n")
                endif()
            elseif(line MATCHES "<edo/")
                string(APPEND found "  ${file}: ${line}\n"
                       "    the umbrella header is for users; name the headers that are used\n")
            endif()
        endforeach()
    endforeach()
endforeach()

if(found)
    message(FATAL_ERROR "check_layers: includes that point up or sideways\n${found}")
endif()
message(STATUS "check_layers: ${file_count} files, every include points down")
