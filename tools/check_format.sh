#!/usr/bin/env bash
# Fails when a C++ file is not as clang-format 19 would write it, or has a line beyond column 100.
# Comments are never reflowed by the tool, because that would break tables and drawings.
#   tools/check_format.sh [--fix] [folder]
set -euo pipefail
export LC_ALL=C.UTF-8

fix=no
if [[ ${1:-} == --fix ]]; then
    fix=yes
    shift
fi
cd "${1:-$(dirname "$0")/..}"

formatter=$(command -v clang-format-19 || true)
if [[ -z $formatter ]]; then
    echo "check_format: clang-format-19 is missing; tools/setup.sh installs it" >&2
    exit 1
fi
mapfile -t files < <(find . \( -name build -o -name '.*' -not -name . \) -prune -o \
    \( -name '*.h' -o -name '*.cpp' \) -print | sort)
if ((${#files[@]} == 0)); then
    echo "check_format: no C++ file in $PWD" >&2
    exit 1
fi
if [[ $fix == yes ]]; then
    "$formatter" --style=file -i "${files[@]}"
    echo "check_format: ${#files[@]} files formatted"
    exit 0
fi

badly_written=()
for file in "${files[@]}"; do
    if ! difference=$("$formatter" --style=file "$file" | diff -u "$file" -); then
        badly_written+=("$file")
        ((${#badly_written[@]} > 3)) || sed -n 3,16p <<<"$difference"
    fi
done
too_long=$(grep -nHP '^.{101}' "${files[@]}" || true)

status=0
if ((${#badly_written[@]} > 0)); then
    printf 'check_format: %s\n' "${badly_written[@]}"
    echo "check_format: ${#badly_written[@]} of ${#files[@]} files are to be formatted" \
        "(tools/check_format.sh --fix)"
    status=1
fi
if [[ -n $too_long ]]; then
    cut -c -120 <<<"$too_long"
    echo "check_format: $(wc -l <<<"$too_long") lines are longer than 100 columns"
    status=1
fi
((status != 0)) || echo "check_format: ${#files[@]} files"
exit $status
