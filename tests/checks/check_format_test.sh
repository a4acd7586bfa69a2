#!/usr/bin/env bash
# tools/check_format.sh finds a badly written file and accepts it once it is cured.
#   check_format_test.sh <repository> <empty folder>
set -euo pipefail
root=$1 work=$2

rm -rf "$work" && mkdir -p "$work"
cp "$root/.clang-format" "$work"

printf 'int   f( ){return 1 ;}\n' >"$work/planted.cpp"
if "$root/tools/check_format.sh" "$work" >"$work/said" 2>&1; then
    echo "a badly written file was accepted"
    exit 1
fi
grep -q planted.cpp "$work/said"

"$root/tools/check_format.sh" --fix "$work"
"$root/tools/check_format.sh" "$work"

printf '// %099d\n' 0 >"$work/planted.cpp"
if "$root/tools/check_format.sh" "$work" >"$work/said" 2>&1; then
    echo "a line beyond column 100 was accepted"
    exit 1
fi
grep -q 'planted.cpp:1' "$work/said"

rm "$work/planted.cpp"
if "$root/tools/check_format.sh" "$work" 2>/dev/null; then
    echo "a folder without files was accepted"
    exit 1
fi
rm -rf "$work"
