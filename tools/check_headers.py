#!/usr/bin/env python3
"""Keeps the public headers light:  tools/check_headers.py COMPILER [REPOSITORY]

1. No public header (edo.h and those directly in a layer) draws in <iostream>, <functional>, <thread>,
   <mutex>, liburing, GoogleTest, spdlog or Boost, neither itself nor through another header. Note that
   libstdc++'s <algorithm> includes <functional>.
2. <edo/edo.h> preprocesses to at most 55,000 lines that are neither blank nor line markers
   (g++ -std=c++20 -E). The figure depends on the standard library, so the check wants g++ 12.
3. <edo/edo.h> draws in every public header.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

LAYERS = ("base", "task", "timer", "io", "sync", "runtime", "net")
BUDGET = 55_000
FORBIDDEN = re.compile(
    r"/c\+\+/[^/]+/(?:iostream|functional|thread|mutex)$|/(?:liburing|gtest|gmock|spdlog|boost)[./]")
MARKER = re.compile(r'^# \d+ "([^"]*)"([ 0-9]*)$')


def preprocess(compiler, include_dir, headers):
    """The lines of a translation unit that includes the headers."""
    unit = "".join(f"#include <edo/{header}>\n" for header in headers)
    done = subprocess.run(
        [compiler, "-std=c++20", "-E", "-x", "c++", "-I", include_dir, "-"],
        input=unit, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check_headers: the preprocessor failed\n{done.stderr}")
    return done.stdout.splitlines()


def chains_to_forbidden(lines):
    """For each forbidden file: how it was reached, outermost header first."""
    chains, stack = {}, []
    for line in lines:
        if marker := MARKER.match(line):
            name, flags = marker[1], marker[2].split()
            if "1" in flags:
                stack.append(name)
                if FORBIDDEN.search(name) and not any(FORBIDDEN.search(above) for above in stack[:-1]):
                    chains.setdefault(name, list(stack))
            elif "2" in flags and stack:
                stack.pop()
    return chains


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    compiler = sys.argv[1]
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent.parent)
    root = root.resolve()
    headers = ["edo.h"] + sorted(path.relative_to(root).as_posix()
                                 for layer in LAYERS for path in (root / layer).glob("*.h"))
    failed = False
    with tempfile.TemporaryDirectory() as include_dir:
        include = pathlib.Path(include_dir, "edo")
        include.mkdir()
        for entry in LAYERS + ("edo.h", "fwd.h"):
            (include / entry).symlink_to(root / entry)
        # One unit for each header: a file that an earlier one has drawn in would not show up again.
        for header in headers:
            lines = preprocess(compiler, include_dir, [header])
            for name, chain in chains_to_forbidden(lines).items():
                failed = True
                short = [step.removeprefix(f"{include}/") for step in chain]
                print(f"check_headers: {header} draws in {name}\n    " + "\n    -> ".join(short))
            if header == "edo.h":
                drawn_in = {match[1].removeprefix(f"{include}/") for line in lines
                            if (match := MARKER.match(line))}
                for missing in sorted(set(headers) - drawn_in):
                    failed = True
                    print(f"check_headers: <edo/edo.h> does not include <edo/{missing}>")
                count = sum(1 for line in lines if line.strip() and not line.startswith("#"))
                if count > BUDGET:
                    failed = True
                    print(f"check_headers: <edo/edo.h> has {count} preprocessed lines, "
                          f"the budget is {BUDGET}")
    if failed:
        return 1
    print(f"check_headers: {len(headers)} public headers; <edo/edo.h> has {count} preprocessed lines "
          f"of {BUDGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
