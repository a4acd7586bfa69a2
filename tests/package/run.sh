#!/usr/bin/env bash
# Uses Edo from outside, in one way, and runs the result:
#   run.sh WAY WORK COMPILER BUILD
# WAY is installed_static or installed_shared (each by find_package and by pkg-config),
# add_subdirectory, fetch_content, or two_libraries. WORK is an own folder, BUILD a finished static
# build.
set -euo pipefail

way=$1 work=$2 compiler=$3 build=$4
root=$(cd "$(dirname "$0")/../.." && pwd)
consumer=$root/tests/package/consumer

fail() {
    echo "package $way: $*" >&2
    exit 1
}

rm -rf "$work"
mkdir -p "$work"

# Installs into one folder and moves it: an installed tree must not know where it was made.
install_to_stage() {
    if [[ $1 == static ]]; then
        cmake --install "$build" --prefix "$work/first" >"$work/install.log"
    else
        cmake -S "$root" -B "$work/shared" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
            -DCMAKE_BUILD_TYPE=Debug -DBUILD_SHARED_LIBS=ON \
            -DEDO_TESTS=OFF -DEDO_BENCH=OFF -DEDO_EXAMPLES=OFF
        cmake --build "$work/shared"
        cmake --install "$work/shared" --prefix "$work/first" >"$work/install.log"
    fi
    mv "$work/first" "$work/stage"
    if [[ -n $(find "$work/stage" -name '*seams*' ! -path '*/include/*') ]]; then
        fail "the test build of the library was installed"
    fi
    if grep -rlE "$root|$work" "$work/stage" --include='*.cmake' --include='*.pc' --include='*.h'; then
        fail "installed files name folders of the build"
    fi
}

configure_and_build() {
    cmake -S "$consumer" -B "$work/consumer" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
        -DCMAKE_BUILD_TYPE=Debug "$@"
    cmake --build "$work/consumer" --target consumer
}

run() {
    local said
    said=$("$@") || fail "the consumer ended with $?"
    echo "$said"
    [[ $said == *"the answer is 42"* ]] || fail "the consumer did not say its line"
}

# Flags of an installed Edo as pkg-config gives them.
flags() {
    local pc
    pc=$(find "$work/stage" -name edo.pc)
    PKG_CONFIG_PATH=$(dirname "$pc") pkg-config "$@" edo
}

library_folder() {
    dirname "$(find "$work/stage" -name 'libedo.*' | head -n 1)"
}

case $way in
installed_static | installed_shared)
    install_to_stage "${way#installed_}"

    configure_and_build -DWAY=find_package -DCMAKE_PREFIX_PATH="$work/stage"
    run "$work/consumer/consumer"

    # shellcheck disable=SC2046  # the flags are words
    "$compiler" -std=c++20 "$consumer/main.cpp" -o "$work/program" $(flags --cflags --libs)
    run env LD_LIBRARY_PATH="$(library_folder)" "$work/program"
    # A user's own flags. Warnings of headers that are not the system's count.
    # shellcheck disable=SC2046
    "$compiler" -std=c++20 -fno-rtti -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
        -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Werror \
        "$consumer/strict.cpp" -o "$work/strict" $(flags --cflags --libs)
    run env LD_LIBRARY_PATH="$(library_folder)" "$work/strict"
    if flags --print-requires --print-requires-private | grep -q liburing; then
        flags --static --libs | grep -q -- -luring || fail "edo.pc --static lacks liburing"
        if [[ $way == *shared ]] && flags --libs | grep -q -- -luring; then
            fail "edo.pc makes users of the shared library link liburing"
        fi
    fi
    ;;
add_subdirectory | fetch_content)
    configure_and_build -DWAY="$way" -DEDO_SOURCE="$root"
    tests=$(ctest --test-dir "$work/consumer" -N | grep -c 'Test *#' || true)
    [[ $tests == 0 ]] || fail "Edo added $tests tests to its parent"
    run "$work/consumer/consumer"
    ;;
two_libraries)
    cmake -S "$root/tests/package/two_libraries" -B "$work/program" -G Ninja \
        -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug -DEDO_SOURCE="$root"
    cmake --build "$work/program" --target program
    run "$work/program/program"
    ;;
*)
    fail "unknown way"
    ;;
esac
rm -rf "$work"
echo "package $way: built and run"
