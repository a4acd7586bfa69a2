#!/usr/bin/env python3
"""Plants breaches and asks check_snippets.py to find each; sound pages must pass."""

import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parent / "check_snippets.py"
SOURCE = """int before = 0;
    // [snippet: one]
    int x = 1;
        int y = 2;

    // [end]
int between = 0;
// [snippet: two]
int z = 3;
// [end]
"""
GOOD = """# Page
<!-- snippet: code.cpp one -->
```cpp
int x = 1;
    int y = 2;
```
Text.
```
no C++, not asked
```
<!-- no snippet: a shape -->
```cpp
int shape;
```
"""


def run(page, source=SOURCE, *options):
    """Exit status, output, and the page afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "docs" / "page.md").write_text(page, encoding="utf-8")
        (root / "code.cpp").write_text(source, encoding="utf-8")
        done = subprocess.run([sys.executable, CHECK, *options, folder], capture_output=True, text=True)
        return done.returncode, done.stdout, (root / "docs" / "page.md").read_text(encoding="utf-8")


def expect(found, page, source=SOURCE):
    status, output, _ = run(page, source)
    if status == 0 or found not in output:
        sys.exit(f"expected \"{found}\", got {status}:\n{output}\n{page}")


status, output, _ = run(GOOD)
if status != 0:
    sys.exit(f"a sound page did not pass:\n{output}")

STALE = GOOD.replace("int x = 1;", "int x = 9;")
expect("is not what", STALE)
expect("is not what", GOOD.replace("    int y", "int y"))
expect("must say where", GOOD.replace("<!-- no snippet: a shape -->\n", ""))
expect("must say where", GOOD.replace("<!-- no snippet: a shape -->", "<!-- no snippet: -->"))
expect("must say where", GOOD + "\n```c++\nint w;\n```\n")
expect("no region three", GOOD.replace("code.cpp one", "code.cpp three"))
expect("no file", GOOD.replace("code.cpp one", "other.cpp one"))
expect("has no end", GOOD + "\n```cpp\nint w;\n")
expect("has no end", GOOD, SOURCE.removesuffix("// [end]\n"))
expect("twice", GOOD, SOURCE.replace("snippet: two", "snippet: one"))
expect("inside of region", GOOD, SOURCE.replace("\n    // [end]\n", "\n"))
expect("no page", "# A page without code\n")

status, output, mended = run(STALE, SOURCE, "--write")
if status != 0 or mended != GOOD:
    sys.exit(f"--write did not mend the page:\n{output}\n{mended}")
print("check_snippets finds what it must find")
