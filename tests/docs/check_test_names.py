#!/usr/bin/env python3
"""Keeps the tables of behaviours equal to the tests: tests/docs/check_test_names.py [REPOSITORY]

In docs/tokio-conformance.md and docs/faults.md the last cell of each row names tests, `suite.test`, or
files, `tests/x/y.cpp`. Each must exist, as text in tests/**. A row may do without only where its third of
four cells begins with "left out" or "not yet". And each test of tests/conformance must be in a table.
"""

import pathlib
import re
import sys

PAGES = ["docs/tokio-conformance.md", "docs/faults.md"]
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")


def tests_in(folder):
    """All `suite.test` of a folder."""
    return {
        f"{suite}.{name}"
        for file in sorted(folder.rglob("*.cpp"))
        for suite, name in TEST.findall(file.read_text(encoding="utf-8"))
    }


def rows_of(page):
    """The rows of the tables of a page, without their heads: line number and cells."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        is_head = number < len(lines) and lines[number].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not is_head:
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def check_row(root, cells, known, named):
    """What is wrong with a row."""
    names = QUOTED.findall(cells[-1])
    if not names:
        may_be_empty = len(cells) == 4 and cells[2].startswith(("left out", "not yet"))
        return [] if may_be_empty else ["names no test"]
    breaches = []
    for name in names:
        named.add(name)
        if not (root / name).is_file() if "/" in name else name not in known:
            breaches.append(f"there is no {name}")
    return breaches


def main():
    default = pathlib.Path(__file__).resolve().parent.parent.parent
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    known = tests_in(root / "tests")
    named, breaches, count = set(), [], 0
    for name in PAGES:
        for number, cells in rows_of(root / name):
            count += 1
            breaches += [f"{name}:{number}: {what}" for what in check_row(root, cells, known, named)]
    for test in sorted(tests_in(root / "tests" / "conformance") - named):
        breaches.append(f"{test} is in no table")
    for breach in breaches:
        print(f"check_test_names: {breach}")
    if count == 0:
        print(f"check_test_names: no rows in {root}")
    if breaches or count == 0:
        return 1
    print(f"check_test_names: {count} rows name {len(named)} tests, all of them there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
