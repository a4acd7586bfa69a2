#!/usr/bin/env python3
"""Keeps the C++ code of the documentation equal to code that is compiled:
tests/docs/check_snippets.py [--write] [REPOSITORY]

In README.md and docs/**/*.md a line before each ```cpp block names where the block comes from:

    <!-- snippet: tests/docs/own_operations_test.cpp flag -->     a marked region of a file
    <!-- snippet: examples/hello.cpp -->                          a whole file
    <!-- no snippet: the shape only, not a program -->            not compiled, and why

A region begins with a line `// [snippet: flag]` and ends with a line `// [end]`; empty lines at
its ends, and the indentation that all its lines share, do not count. --write puts the regions into the pages.
"""

import pathlib
import re
import sys
import textwrap

MARKER = re.compile(r"^<!-- snippet: (\S+)(?: (\S+))? -->$")
EXCUSE = re.compile(r"^<!-- no snippet: \S.* -->$")
BEGIN = re.compile(r"^\s*// \[snippet: (\S+)\]$")
END = re.compile(r"^\s*// \[end\]$")


class Breach(Exception):
    """What is wrong, in words for whoever has to mend it."""


def region_of(root, file, name):
    """The lines of a region, or of the whole file if there is no name."""
    path = root / file
    if not path.is_file():
        raise Breach(f"there is no file {file}")
    lines = path.read_text(encoding="utf-8").splitlines()
    if name is None:
        return lines
    found, inside = [], None
    for line in lines:
        if begin := BEGIN.match(line):
            if inside is not None:
                raise Breach(f"{file}: region {begin[1]} begins inside of region {inside}")
            inside = begin[1]
            if inside == name:
                if found:
                    raise Breach(f"{file} has region {name} twice")
                found.append("")
        elif END.match(line):
            inside = None
        elif inside == name:
            found.append(line)
    if inside is not None:
        raise Breach(f"{file}: region {inside} has no end")
    if not found:
        raise Breach(f"{file} has no region {name}")
    return textwrap.dedent("\n".join(found[1:])).strip("\n").splitlines()


def blocks_of(lines):
    """The C++ blocks of a page: the index of the first line inside, and of the closing fence."""
    start, is_cpp = None, False
    for index, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start, is_cpp = index + 1, line.removeprefix("```").strip() in ("cpp", "c++", "C++")
        else:
            if is_cpp:
                yield start, index
            start = None
    if start is not None:
        raise Breach(f"the block that begins at line {start} has no end")


def check_page(root, page, write):
    """The breaches of a page, and the number of its compiled blocks."""
    name = page.relative_to(root)
    lines = page.read_text(encoding="utf-8").splitlines()
    breaches, count, mended = [], 0, list(lines)
    try:
        blocks = list(blocks_of(lines))
    except Breach as breach:
        return [f"{name}: {breach}"], 0
    for start, end in reversed(blocks):
        above = lines[start - 2] if start >= 2 else ""
        if EXCUSE.match(above):
            continue
        marker = MARKER.match(above)
        if marker is None:
            breaches.append(f"{name}:{start}: the line above this block must say where it comes from")
            continue
        count += 1
        try:
            region = region_of(root, marker[1], marker[2])
        except Breach as breach:
            breaches.append(f"{name}:{start}: {breach}")
            continue
        if region != lines[start:end]:
            mended[start:end] = region
            if not write:
                breaches.append(f"{name}:{start}: is not what {marker[1]} {marker[2] or ''} says; "
                                "check_snippets.py --write takes it over")
    if write and mended != lines:
        page.write_text("\n".join(mended) + "\n", encoding="utf-8")
    return breaches, count


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    default = pathlib.Path(__file__).resolve().parent.parent.parent
    root = pathlib.Path(arguments[0]).resolve() if arguments else default
    pages = sorted(root.glob("docs/**/*.md"))
    if (root / "README.md").is_file():
        pages.append(root / "README.md")
    breaches, count = [], 0
    for page in pages:
        of_page, compiled = check_page(root, page, "--write" in sys.argv[1:])
        breaches += of_page
        count += compiled
    for breach in breaches:
        print(f"check_snippets: {breach}")
    if not pages or count == 0:
        print(f"check_snippets: no page with compiled code in {root}")
        return 1
    if breaches:
        return 1
    print(f"check_snippets: {count} blocks on {len(pages)} pages are what the compiler sees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
