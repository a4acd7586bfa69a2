#!/usr/bin/env python3
"""Plants breaches and asks check_test_names.py to find each; sound pages must pass."""

import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parent / "check_test_names.py"
TESTS = """TEST(waker, wakes) {}
TEST_P(any_runtime,
       goes_on) {}
// TEST(waker, was_deleted) {}
"""
LISTED = """# Behaviours

| Theirs | Behaviour | Edo | Test |
|---|---|---|---|
| `a` | wakes | same | `waker.wakes`, `any_runtime.goes_on` |
| `b` | hooks | not yet: no hooks | |
"""
FAULTS = """# Faults

| Fault | What happens | Test |
|---|---|---|
| none | nothing | `tests/conformance/a_test.cpp` |
"""


def run(listed, faults=FAULTS):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "tests" / "conformance").mkdir(parents=True)
        (root / "tests" / "conformance" / "a_test.cpp").write_text(TESTS, encoding="utf-8")
        (root / "docs" / "tokio-conformance.md").write_text(listed, encoding="utf-8")
        (root / "docs" / "faults.md").write_text(faults, encoding="utf-8")
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
        return done.returncode, done.stdout


def expect(found, listed, faults=FAULTS):
    status, output = run(listed, faults)
    if status == 0 or found not in output:
        sys.exit(f'expected "{found}", got {status}:\n{output}')


status, output = run(LISTED)
if status != 0:
    sys.exit(f"sound pages did not pass:\n{output}")

expect("there is no waker.sleeps", LISTED.replace("waker.wakes", "waker.wakes`, `waker.sleeps"))
expect("there is no waker.was_deleted", LISTED.replace("goes_on`", "goes_on`, `waker.was_deleted`"))
expect("there is no tests/other.cpp", LISTED, FAULTS.replace("tests/conformance/a_test", "tests/other"))
expect("names no test", LISTED.replace("not yet: no hooks", "same"))
expect("names no test", LISTED, FAULTS.replace("`tests/conformance/a_test.cpp`", ""))
expect("any_runtime.goes_on is in no table", LISTED.replace(", `any_runtime.goes_on`", ""))
expect("no rows", "# Nothing\n", "# Nothing\n")
print("check_test_names finds what it must find")
