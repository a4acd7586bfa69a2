"""Plants each kind of breach into a small tree and asks tools/check_seams.py to find it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_seams.py"

TABLE = """\
//  mark  where   transition    ordering  pairs with
//  S     set     idle -> done  release   R: what was written before is seen
//  R     ready   reads done    acquire   S
//  X     reset   done -> idle  relaxed   nothing: both ends belong to one thread
"""
CODE = """\
void set() { done.store(true, release); }  // S
bool ready() { return done.load(acquire); }  // R
void reset() {
    // X
    done.store(false,
               relaxed);
}
"""


def run(files):
    """Checks a tree of the given files: (exit code, output)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class accepts(unittest.TestCase):
    def accept(self, files):
        code, output = run(files)
        self.assertEqual(code, 0, output)

    def test_code_whose_marks_are_in_its_table(self):
        self.accept({"task/flag.h": TABLE + CODE})

    def test_marks_of_the_twin_and_of_an_included_header(self):
        self.accept({"task/flag.h": TABLE, "task/flag.cpp": CODE})
        self.accept({"task/flag.h": TABLE,
                     "sync/gate.cpp": "#include <edo/task/flag.h>\n" + CODE})

    def test_a_reason_instead_of_a_mark(self):
        self.accept({"io/count.cpp": "n.fetch_add(1, relaxed);  // a statistic, nothing follows from it\n"})
        self.accept({"io/count.cpp": "// A statistic: nothing follows from it.\nn.load(relaxed);\n"})

    def test_a_declaration_that_explains_its_orderings(self):
        self.accept({"io/count.h": "// Set with release, pairs with the acquire of take().\n"
                                   "atomic<int> bits{0};\n",
                     "io/count.cpp": "bits.exchange(0, acquire);  // see `bits`\n"})

    def test_the_seam_files_themselves(self):
        self.accept({"base/seam/sys.cpp": "int f() { return ::read(1, p, 1) < 0 ? -errno : 0; }\n"
                                          "std::atomic<int> a;\nstd::mutex m;\n"})

    def test_words_in_comments_and_literals(self):
        self.accept({"net/a.cpp": '// std::mutex, errno and ::read() are wrapped\n'
                                  'const char* text = "errno ::read( std::atomic";\n'
                                  '/* std::thread\n errno */ int x;\n'})

    def test_qualified_names_that_are_no_system_calls(self):
        self.accept({"net/a.cpp": "edo::read(x); sys::close(fd); ::new (p) T; auto r = ::operator new(8);\n"
                                  "std::exchange(a, b); auto v = std::errc::io_error;\n"})


class finds(unittest.TestCase):
    def find(self, rule, text, name="runtime/planted.cpp"):
        code, output = run({name: text})
        self.assertEqual(code, 1, output)
        self.assertIn(f"{rule}:", output)

    def test_raw_atomic(self):
        self.find("atomic", "std::atomic<int> n;\n")
        self.find("atomic", "std::atomic_thread_fence(x);\n")
        self.find("include", "#include <atomic>\n")

    def test_raw_lock(self):
        self.find("lock", "std::mutex m;\n")
        self.find("lock", "std::condition_variable c;\n")
        self.find("lock", "std::scoped_lock hold(m);\n")

    def test_raw_thread(self):
        self.find("thread", "std::thread t;\n")
        self.find("thread", "std::this_thread::yield();\n")

    def test_raw_clock(self):
        self.find("clock", "auto t = std::chrono::steady_clock::now();\n")
        self.find("clock", "auto t = system_clock::now();\n")

    def test_raw_randomness(self):
        self.find("randomness", "std::random_device seed;\n")
        self.find("randomness", "int n = rand();\n")

    def test_errno(self):
        self.find("errno", "return errno;\n", "io/epoll/reactor.cpp")

    def test_raw_system_call(self):
        self.find("system call", "auto n = ::read(fd, data, size);\n")
        self.find("system call", "return ::close(fd);\n", "net/a.h")
        self.find("system call", "syscall(1);\n")

    def test_liburing_outside_its_folder(self):
        self.find("liburing", "io_uring_submit(&ring);\n")
        self.find("liburing", "io_uring_submit(&ring);\n", "io/uring/reactor.cpp")
        self.find("include", "#include <liburing.h>\n")

    def test_ordering_without_a_comment(self):
        self.find("ordering", "n.load(acquire);\n")
        self.find("ordering", "n.load(std::memory_order_acquire);\n")
        self.find("ordering", "n.store(1,\n        release);\n")

    def test_ordering_that_is_not_spelled(self):
        self.find("ordering", "int x = n.load();\n")
        self.find("ordering", "n.fetch_add(1);\n")
        self.find("ordering", "p->exchange(nullptr);\n")

    def test_comment_that_says_nothing(self):
        self.find("ordering", "n.load(acquire);  // load it\n")

    def test_declaration_that_does_not_explain_its_orderings(self):
        self.find("ordering", "atomic<int> bits{0};\nbits.exchange(0, acquire);  // see bits\n")
        self.find("ordering", "atomic<int> bits{0};  // set with release\n"
                              "bits.exchange(0, acquire);  // see bits\n")

    def test_mark_without_a_table(self):
        self.find("ordering", "n.load(acquire);  // Q\n")
        self.find("ordering", TABLE + CODE + "n.load(acquire);  // Q\n")

    def test_mark_of_a_file_that_is_not_included(self):
        code, output = run({"task/flag.h": TABLE + CODE, "sync/gate.cpp": CODE})
        self.assertEqual(code, 1)
        self.assertIn("in no protocol table in reach", output)

    def test_mark_with_another_ordering(self):
        self.find("ordering", TABLE + CODE.replace("load(acquire)", "load(relaxed)"))

    def test_row_that_pairs_with_nothing_named(self):
        self.find("table", (TABLE + CODE).replace("acquire   S\n", "acquire\n"))

    def test_row_that_no_code_carries(self):
        self.find("table", TABLE + "//  Y     grow    any -> more  acq_rel   R\n" + CODE)

    def test_tree_without_layers(self):
        code, output = run({"readme.txt": ""})
        self.assertEqual(code, 1, output)


if __name__ == "__main__":
    unittest.main()
