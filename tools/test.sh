#!/usr/bin/env bash
# Installs what is missing, builds Edo and runs its tests.
#   tools/test.sh                      g++ and clang, both sanitizers, all checks, the package consumers
#   tools/test.sh --quick              the release build and its tests
#   tools/test.sh --only asan,tsan     some of: release clang asan tsan checks package arm
#   tools/test.sh --jobs 4             instead of one job per processor
# Only when it is asked for, "arm" runs the tests on AArch64, as an emulator (qemu) has it.
# Stops at the first step that fails, with the end of its log. Can be repeated; then builds what changed.
set -euo pipefail
cd "$(dirname "$0")/.."

configurations=(release clang asan tsan)
# The thread sanitizer of clang, which builds in half the time of that of g++ 12.
declare -A preset_of=([release]=release [clang]=clang [asan]=asan [tsan]=tsan-clang [arm]=arm)
chosen=("${configurations[@]}" checks package)
configurations+=(arm) # too slow to be run by default
steps=("${configurations[@]}" checks package)
jobs=$(nproc)

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0"
}

while (($# > 0)); do
    case $1 in
    --quick) chosen=(release) ;;
    --only | --jobs)
        if (($# < 2)); then
            echo "test: $1 needs a value" >&2
            exit 2
        fi
        if [[ $1 == --jobs ]]; then
            jobs=$2
        else
            IFS=, read -r -a chosen <<<"$2"
        fi
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        echo "test: unknown option \"$1\"" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done
if [[ ! $jobs =~ ^[1-9][0-9]*$ ]]; then
    echo "test: --jobs wants a number from 1, not \"$jobs\"" >&2
    exit 2
fi
for step in "${chosen[@]}"; do
    if [[ " ${steps[*]} " != *" $step "* ]]; then
        echo "test: there is no step \"$step\"; choose from ${steps[*]}" >&2
        exit 2
    fi
done

is_chosen() {
    [[ " ${chosen[*]} " == *" $1 "* ]]
}

clock() {
    printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60))
}

passed=0
skipped_of_all=0
fuzzing=
logs=build/logs
mkdir -p "$logs"

# Nothing that was started goes on when this ends.
trap '[[ -z $fuzzing ]] || kill -- "-$fuzzing" 2>/dev/null || true' EXIT

# step NAME WHAT COMMAND...: runs a command with its output in a log; shows what and how long.
step() {
    local name=$1 what=$2 log=$logs/$1.log began=$SECONDS status=0
    shift 2
    printf '%-16s %-44s ' "$name" "$what"
    "$@" >"$log" 2>&1 || status=$?
    finish_step "$name" "$what" "$began" "$status"
}

finish_step() { # NAME WHAT BEGAN STATUS
    local name=$1 what=$2 began=$3 status=$4 log=$logs/$1.log
    if ((status != 0)); then
        printf 'FAILED after %d s\n\n' $((SECONDS - began))
        grep -E '(\*\*\*Failed|\*\*\*Timeout|\*\*\*Exception|error:|ERROR:)' "$log" | head -n 20 || true
        echo "--- the end of $log:"
        tail -n 60 "$log"
        echo
        echo "tests failed: $name ($what), after $(clock); the whole log is $log"
        exit 1
    fi
    printf 'ok %4d s' $((SECONDS - began))
}

# Adds the number of passed tests of a log to the sum.
count() {
    local line total
    line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$logs/$1.log" | tail -n 1 || true)
    total=${line##* }
    if [[ ! $total =~ ^[0-9]+$ ]]; then
        printf '\n\ntests failed: %s has no sum of its tests\n' "$logs/$1.log"
        exit 1
    fi
    local skipped
    skipped=$(grep -cE '\(Skipped\)$' "$logs/$1.log" || true)
    passed=$((passed + total - skipped))
    skipped_of_all=$((skipped_of_all + skipped))
    if ((skipped == 0)); then
        printf '   %d tests\n' "$total"
    else
        printf '   %d tests, %d of them skipped\n' "$total" "$skipped"
    fi
}

# Why the tests of a preset were skipped that were run last, and how many for each reason.
tell_reasons() { # PRESET
    local log=build/$1/Testing/Temporary/LastTest.log
    grep -A 1 -E ': Skipped$' "$log" | grep -vE '(: Skipped|^--)$' | sort | uniq -c | sort -rn || true
}

# The thread sanitizer cannot place its shadow memory when addresses are spread too wide.
narrow=()
if setarch -R true 2>/dev/null; then
    narrow=(setarch -R)
fi

run_tests() { # NAME PRESET ARGUMENT...
    local name=$1 preset=$2
    shift 2
    step "$name" "running its tests" "${narrow[@]}" \
        ctest --preset "$preset" -j "$jobs" --schedule-random "$@"
    count "$name"
    tell_reasons "$preset"
}

# Fuzzing takes one processor for a minute and measures no time: it goes on beside the next build. Its
# end is awaited before anything is tested again.
start_fuzzing() {
    fuzzing_since=$SECONDS
    setsid ctest --preset clang -L '^fuzz$' >"$logs/fuzz.log" 2>&1 &
    fuzzing=$!
}

finish_fuzzing() {
    [[ -n $fuzzing ]] || return 0
    local status=0
    printf '%-16s %-44s ' fuzz "fuzzing, beside the last build"
    wait "$fuzzing" || status=$?
    fuzzing=
    finish_step fuzz "fuzzing" "$fuzzing_since" "$status"
    count fuzz
}

build() { # CONFIGURATION
    local preset=${preset_of[$1]}
    step "$1-configure" "configuring build/$preset" cmake --preset "$preset"
    echo
    step "$1-build" "building build/$preset" "${narrow[@]}" cmake --build --preset "$preset" -- -j "$jobs"
    echo
}

echo "Edo: testing ${chosen[*]} with $jobs jobs; logs are in $logs/"
if is_chosen arm; then
    tools/setup.sh arm
else
    tools/setup.sh
fi

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

# The checks and the package consumers use the release build.
if is_chosen release || is_chosen checks || is_chosen package; then
    build release
fi
is_chosen checks && run_tests checks release -L '^check$'
for configuration in "${configurations[@]}"; do
    if is_chosen "$configuration"; then
        [[ $configuration == release ]] || build "$configuration"
        finish_fuzzing
        run_tests "$configuration" "${preset_of[$configuration]}" -LE '^(check|package|fuzz)$'
        [[ $configuration != clang ]] || start_fuzzing
    fi
done
finish_fuzzing
is_chosen package && run_tests package release -L '^package$'

used=0
for configuration in "${configurations[@]}"; do
    is_chosen "$configuration" && used=$((used + 1))
done
word=configurations
((used != 1)) || word=configuration
also=
((skipped_of_all == 0)) || also=", $skipped_of_all skipped"
echo "$passed passed, 0 failed$also"
echo "all tests passed: $passed tests in $used $word, $(clock)"
