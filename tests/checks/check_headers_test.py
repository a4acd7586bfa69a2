"""Plants heavy headers into a small tree and asks tools/check_headers.py to find them.

    check_headers_test.py COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_headers.py"
COMPILER = sys.argv.pop(1)


def run(files):
    """Checks a tree of the given files: (exit code, output)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#pragma once\n" + text)
        done = subprocess.run([sys.executable, CHECK, COMPILER, folder],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class check_headers(unittest.TestCase):
    def test_accepts_a_light_tree(self):
        code, output = run({"edo.h": "#include <edo/net/a.h>\n", "net/a.h": "#include <vector>\n"})
        self.assertEqual(code, 0, output)

    def test_finds_a_forbidden_include(self):
        for header in ("iostream", "functional", "thread", "mutex", "gtest/gtest.h"):
            code, output = run({"edo.h": "", "net/a.h": f"#include <{header}>\n"})
            self.assertEqual(code, 1, output)
            self.assertIn("net/a.h draws in", output)

    def test_finds_a_forbidden_include_behind_another_header(self):
        code, output = run({"edo.h": "", "net/a.h": "#include <edo/net/deep/b.h>\n",
                            "net/deep/b.h": "#include <mutex>\n"})
        self.assertEqual(code, 1, output)
        self.assertIn("-> net/deep/b.h", output.replace("edo/net", "net"))

    def test_finds_an_umbrella_over_budget(self):
        code, output = run({"edo.h": "int x;\n" + "extern int x;\n" * 55_000})
        self.assertEqual(code, 1, output)
        self.assertIn("budget", output)

    def test_finds_a_public_header_that_the_umbrella_leaves_out(self):
        code, output = run({"edo.h": "#include <edo/net/a.h>\n", "net/a.h": "",
                            "net/b.h": "", "net/deep/c.h": ""})
        self.assertEqual(code, 1, output)
        self.assertIn("does not include <edo/net/b.h>", output)
        self.assertNotIn("c.h", output)

    def test_finds_a_header_that_does_not_preprocess(self):
        code, output = run({"edo.h": "#include <edo/net/missing.h>\n"})
        self.assertEqual(code, 1, output)


if __name__ == "__main__":
    unittest.main()
