#!/usr/bin/env bash
# Installs the Debian packages that building, testing and measuring Edo need, if any is missing.
# Needs no network and no rights when everything is there.
#   tools/setup.sh [--quiet]
set -euo pipefail

packages=(
    g++ clang-19 libclang-rt-19-dev clang-format-19 cmake ninja-build pkg-config git python3
    liburing-dev                        # the io_uring back end
    libgtest-dev libgmock-dev           # tests
    libbenchmark-dev libboost1.81-dev   # benchmarks, and the peers beside them
    libspdlog-dev                       # examples
    curl util-linux                     # the demo's HTTP client; taskset and setarch
    valgrind                            # counts instructions, which a test holds against a record
)

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
if ((${#missing[@]} == 0)); then
    [[ ${1:-} == --quiet ]] || echo "setup: all ${#packages[@]} packages are installed"
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "setup: ${#missing[@]} packages are missing, and there is neither root nor sudo." >&2
        echo "setup: as root, run: apt-get update && apt-get install -y ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for step in "update" "install --yes --no-install-recommends ${missing[*]}"; do
    # shellcheck disable=SC2086  # the words of a step are separate arguments
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q $step >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get ${step%% *} failed; is there a network, and is this Debian 12 or later?" >&2
        exit 1
    fi
done
echo "setup: ${#missing[@]} packages installed"
