#!/usr/bin/env bash
# Measures Edo beside Boost.Asio, Boost.Beast, raw servers, Tokio, Go and oneTBB, all interleaved.
#   tools/bench.sh            main rows, one and two server threads, about a quarter of an hour
#   tools/bench.sh --quick    about a minute
#   tools/bench.sh --only peers   beside Tokio, Go and oneTBB, as far as they are installed
#   tools/bench.sh --only metrics  beside a build of Edo that counts nothing
#   tools/bench.sh --help     all options
# Prints markdown tables; raw data and latency curves go to build/bench.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

need() {
    command -v "$1" >/dev/null && return
    echo "bench: $1 is missing; on Debian: sudo apt-get install $2" >&2
    exit 1
}
need python3 python3
need taskset util-linux

build=yes
peers=no
for argument in "$@"; do
    case $argument in
        peers | --only=peers | metrics | --only=metrics | --full) peers=yes ;;
        --no-build | --help | -h | --bin | --bin=*) build=no ;;
    esac
done
if [[ $build == yes ]]; then
    need cmake cmake
    echo "bench: building the release preset" >&2
    cd "$root"
    cmake --preset release >&2
    cmake --build --preset release >&2
    # What cannot be built is left out; the report says so.
    [[ $peers == no ]] || cmake --build --preset release --target bench_peers -- -k 0 >&2 || true
fi
exec python3 -B "$root/bench/report/bench.py" "$@"
