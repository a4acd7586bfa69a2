#!/usr/bin/env bash
# Shows Edo at work: installs what is missing, builds the examples, starts the echo and the HTTP
# server, talks to them with ordinary clients and with a load generator, ends them with SIGTERM, and
# prints a table of Edo beside Boost.Asio.
#   tools/demo.sh [--no-table]
# Can be repeated at once. Uses only 127.0.0.1 and ports that the kernel picks.
set -euo pipefail
cd "$(dirname "$0")/.."

table=yes
case ${1:-} in
"") ;;
--no-table) table=no ;;
--help | -h)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*)
    echo "demo: unknown option \"$1\"; there is --no-table" >&2
    exit 2
    ;;
esac

bin=build/release/bin
logs=build/logs
mkdir -p "$logs"

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    echo "demo failed: $*" >&2
    exit 1
}

server=
end_server() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
    fi
}
trap end_server EXIT

# Starts a server on a free port; sets $server, $port and $log.
start() {
    local program=$1
    log=$logs/demo-$program.log
    "$bin/$program" --address 127.0.0.1 --port 0 >"$log" 2>&1 &
    server=$!
    for ((tries = 0; tries < 100; tries++)); do
        if grep -q '^listening on ' "$log"; then
            port=$(sed -n 's/^listening on .*:\([0-9]*\) (.*/\1/p' "$log")
            echo "$program: $(grep '^listening on ' "$log")"
            return
        fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    cat "$log" >&2
    fail "$program did not start"
}

# Asks the running server to end and insists on exit code 0.
stop() {
    local name=$1 status=0
    kill -TERM "$server"
    wait "$server" || status=$?
    server=
    if ((status != 0)); then
        tail -n 20 "$log" >&2
        fail "$name ended with exit code $status after SIGTERM"
    fi
    echo "$name: SIGTERM, drained, exit code 0"
}

# Sends one line with bash alone and prints what comes back.
echo_line() {
    local answer
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf '%s\n' "$1" >&9
    read -r -t 5 answer <&9 || fail "no answer to \"$1\""
    exec 9>&- 9<&-
    echo "sent \"$1\", received \"$answer\""
    [[ $answer == "$1" ]] || fail "that is not an echo"
}

# load NAME ARGUMENT...: runs the load generator against the server.
load() {
    local name=$1 result=$logs/demo-load.json
    shift
    "$bin/bench_load_generator" --address 127.0.0.1 --port "$port" --server-pid "$server" \
        --seconds 2 "$@" >"$result" || fail "the load generator saw an error: $(cat "$result")"
    python3 - "$name" "$result" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[2]))
late = r["latency_us"]
print(f"{sys.argv[1]}: {r['requests_per_second']:,.0f} requests/s, p50 {late['p50']:.0f} us, "
      f"p99 {late['p99']:.0f} us, {r['server_cpu_ns_per_request'] / 1000:.2f} us of server CPU "
      f"per request, no error")
PYTHON
}

say "Setting up"
tools/setup.sh

say "Building the release preset (log: $logs/demo-build.log)"
began=$SECONDS
if ! { cmake --preset release && cmake --build --preset release; } >"$logs/demo-build.log" 2>&1; then
    tail -n 40 "$logs/demo-build.log" >&2
    fail "the build; the whole log is $logs/demo-build.log"
fi
echo "built in $((SECONDS - began)) s"

say "Echo server"
start echo_server
echo_line "hello from bash"
echo_line "and once more"
load "64 connections, 64 bytes" --mode echo --connections 64 --size 64
stop echo_server

say "HTTP server"
start http_server
url=http://127.0.0.1:$port
answer=$(curl -sS --max-time 5 "$url/") || fail "curl could not GET /"
echo "GET /: $answer"
[[ $answer == "Hello, World!" ]] || fail "GET / did not answer \"Hello, World!\""
for request in "GET / 200" "HEAD / 200" "GET /missing 404" "DELETE / 405"; do
    read -r method path expected <<<"$request"
    how=(-X "$method")
    [[ $method != HEAD ]] || how=(--head)
    code=$(curl -sS --max-time 5 -o /dev/null -w '%{http_code}' "${how[@]}" "$url$path")
    echo "$method $path: $code"
    [[ $code == "$expected" ]] || fail "$method $path answered $code instead of $expected"
done
load "64 connections, keep-alive" --mode http --connections 64
load "64 connections, 16 pipelined" --mode http --connections 64 --depth 16
stop http_server

if [[ $table == yes ]]; then
    say "Edo beside Boost.Asio (tools/bench.sh --quick)"
    tools/bench.sh --quick
fi

printf '\ndemo finished: the echo and the HTTP server answered correctly and ended cleanly, %d s\n' \
    "$SECONDS"
