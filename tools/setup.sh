#!/usr/bin/env bash
# Installs the Debian packages that building, testing and measuring Edo need, if any is missing.
# Needs no network and no rights when everything is there.
#   tools/setup.sh [--quiet] [arm]     arm: also for AArch64, by a cross compiler and an emulator
set -euo pipefail
cd "$(dirname "$0")/.."

is_quiet=
for_arm=
for argument in "$@"; do
    case $argument in
    --quiet) is_quiet=1 ;;
    arm) for_arm=1 ;;
    *)
        echo "setup: unknown argument \"$argument\"" >&2
        exit 2
        ;;
    esac
done

packages=(
    g++ clang-19 libclang-rt-19-dev clang-format-19 cmake ninja-build pkg-config git python3
    liburing-dev                        # the io_uring back end
    libgtest-dev libgmock-dev           # tests
    libbenchmark-dev libboost1.81-dev   # benchmarks, and the peers beside them
    libspdlog-dev                       # examples
    curl util-linux                     # the demo's HTTP client; taskset and setarch
    valgrind                            # counts instructions, which a test holds against a record
)
[[ -z $for_arm ]] || packages+=(g++-aarch64-linux-gnu qemu-user-static)

# What Edo links for AArch64 beside libc. Unpacked into build/ and not installed: to install it, dpkg would
# have to take in a second architecture, and apt then keeps every shared package of both at one version.
arm_packages=(liburing-dev liburing2 libgtest-dev libgmock-dev)
arm_root=build/aarch64-linux-gnu  # cmake/aarch64-linux-gnu.cmake looks there

# libboost-dev of another release serves as well, and so does any package that provides the name.
is_installed() {
    case $1 in
    libboost1.81-dev) [[ -e /usr/include/boost/beast.hpp && -e /usr/include/boost/asio.hpp ]] ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    python3) command -v python3 >/dev/null ;;
    *) [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]] ;;
    esac
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not a Debian system; install by its own means: ${packages[*]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done

log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT

run_apt() { # WORDS COMMAND...: says what failed
    local words=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: $words failed; is there a network, and is this Debian 12 or later?" >&2
        exit 1
    fi
}

install_missing() {
    local as_root=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "setup: ${#missing[@]} packages are missing, and there is neither root nor sudo." >&2
            echo "setup: as root, run: apt-get update && apt-get install -y ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "setup: installing ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
    run_apt "apt-get update" "${apt[@]}" update
    run_apt "apt-get install" "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"
    echo "setup: ${#missing[@]} packages installed"
}

# With lists of packages of its own, so that those of this machine stay as they are.
unpack_for_arm() {
    local apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache"
        -o Dir::State::status=/dev/null -o APT::Sandbox::User="$(id -un)")
    echo "setup: unpacking ${arm_packages[*]} for AArch64 into $arm_root"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    run_apt "apt-get update for arm64" "${apt[@]}" update
    (cd "$work" && run_apt "apt-get download for arm64" "${apt[@]}" download "${arm_packages[@]}")
    rm -rf "$arm_root"
    mkdir -p "$arm_root"
    for file in "$work"/*.deb; do
        dpkg-deb -x "$file" "$arm_root"
    done
    echo "${arm_packages[*]}" >"$arm_root/packages"
}

if ((${#missing[@]} != 0)); then
    install_missing
elif [[ -z $is_quiet ]]; then
    echo "setup: all ${#packages[@]} packages are installed"
fi
if [[ -n $for_arm && $(cat "$arm_root/packages" 2>/dev/null) != "${arm_packages[*]}" ]]; then
    unpack_for_arm
fi
