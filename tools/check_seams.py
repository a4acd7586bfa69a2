#!/usr/bin/env python3
"""Keeps the seams closed:  tools/check_seams.py [REPOSITORY]

1. Atomics, locks, threads, clocks, randomness, system calls and errno appear only in the files that
   exist to wrap them (SEAMS below), so that tests can stand in for each of them.
2. Every memory ordering is spelled, and a comment says what it pairs with or why nothing is needed.
   The comment stands on the same line, elsewhere in the same statement, or directly above it. It is
   either a mark of a protocol table, optionally followed by words; or `see NAME`, where the comment
   at NAME's declaration names the ordering; or at least three words; or "as above".
3. A mark is a row of a table `//  mark  where  transition  ordering  pairs with` in the same file, in
   its .h or .cpp twin, or in an Edo header that the file includes (so is NAME). The row names the
   ordering that the code uses, says what it pairs with, and is carried by some line of code.

Prints each breach as file:line and exits 1; prints one line and exits 0 when there is none.
"""

import pathlib
import re
import sys

LAYERS = ("base", "task", "timer", "io", "sync", "runtime", "net")

# Rule name, what it matches in code without comments and literals, the files that may do it, the cure.
SEAMS = [
    ("atomic", r"\bstd::atomic\w*|\batomic_(?:thread|signal)_fence\b|\b__atomic_\w+|\b__sync_\w+",
     r"base/seam/", "use edo::detail::atomic from base/seam/atomic.h"),
    ("lock", r"\bstd::(?:\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable\w*"
             r"|call_once|once_flag|\w+_semaphore|latch|barrier)\b|\bpthread_(?:mutex|cond|rwlock)\w*",
     r"base/seam/", "use edo::detail::mutex and parker from base/seam/"),
    ("thread", r"\bstd::(?:j?thread|this_thread|async|future|promise)\b|\bpthread_create\b",
     r"base/seam/", "use the thread of base/seam/"),
    ("clock", r"\b\w+_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|(?<![\w.>:])time\s*\(\s*(?:NULL|nullptr)",
     r"base/seam/|base/clock\.(?:h|cpp)$", "take the time from base/clock.h"),
    ("randomness", r"\brandom_device\b|(?<![\w.>])s?rand\s*\(|\bgetrandom\b",
     r"base/seam/|base/random\.(?:h|cpp)$", "take a seeded generator from base/random.h"),
    ("errno", r"\berrno\b", r"base/seam/", "the functions of base/seam/sys.h return -errno"),
    ("system call", r"(?<![\w>])::(?!new\b|delete\b|operator\b)[a-z_]\w*\s*\(|(?<![\w.>:])syscall\s*\(",
     r"base/seam/|base/clock\.cpp$", "call it through base/seam/sys.h"),
    ("liburing", r"\bio_uring_\w+\s*\(", r"base/seam/|io/uring/ring\.(?:h|cpp)$",
     "call it through io/uring/ring.h"),
    ("include", r"#\s*include\s*<(?:atomic|mutex|thread|shared_mutex|condition_variable|semaphore|latch"
                r"|barrier|future|stop_token|pthread\.h|iostream)>",
     r"base/seam/", "the seam headers of base/seam/ replace it"),
    ("include", r"#\s*include\s*<liburing", r"io/uring/", "liburing stays inside io/uring/"),
]

ORDER = r"relaxed|acquire|release|acq_rel|seq_cst|consume"
# memory_order_x anywhere, or the short name as a whole argument: `(acquire)`, `, release,`.
ORDER_USE = re.compile(rf"\bmemory_order(?:_|::)({ORDER})\b|(?<=[(,?:])\s*({ORDER})(?=\s*[,):])")
ATOMIC_CALL = re.compile(
    r"(?:\.|->)(?:load\s*\(\s*\)|(?:fetch_(?:add|sub|and|or|xor)|exchange|compare_exchange_\w+)\s*\()")
MARK = re.compile(r"^\(?([A-Z]{1,2}[0-9]?'*)\)?(?=$|[\s;:,.(/])")
TABLE_HEAD = re.compile(r"^\s*//+\s+mark\s{2,}\S.*pairs with", re.I)
TABLE_ROW = re.compile(r"^\s*//+\s{1,4}([A-Z]{1,2}[0-9]?'*(?:,\s?[A-Z]{1,2}[0-9]?'*)*)\s{2,}(\S.*)$")


class source:
    """A file split into code and comments, line by line; literals are blanked out of the code."""

    def __init__(self, root, name):
        self.name = name
        self.lines = (root / name).read_text(encoding="utf-8").splitlines()
        self.code, self.comments = split(self.lines)
        self.includes = [m[1] for line in self.lines
                         if (m := re.match(r"\s*#\s*include\s*<edo/([^>]+)>", line))]
        self.marks = self.read_tables()

    def read_tables(self):
        """Mark -> [line number, text of the row with its continuation lines]."""
        marks, inside, rows = {}, False, []
        for number, line in enumerate(self.lines, 1):
            if TABLE_HEAD.match(line):
                inside, rows = True, []
            elif inside and (row := TABLE_ROW.match(line)):
                rows = [mark.strip() for mark in row[1].split(",")]
                for mark in rows:
                    marks[mark] = [number, row[2]]
            elif inside and rows and re.match(r"^\s*//\s{6,}\S", line):
                for mark in rows:
                    marks[mark][1] += " " + line.strip(" /")
            elif inside and (rows or not line.strip().startswith("//")):
                inside = False
        return marks


def split(lines):
    """Separates code from comments. Characters of literals become spaces (raw strings included)."""
    code, comments, state, raw_end = [], [], "code", ""
    for line in lines:
        kept, said, i = [], [], 0
        if state == "string":  # an ordinary literal ends with its line
            state = "code"
        # Quotes in an #include are part of the directive, not of a literal.
        directive = state == "code" and re.match(r"\s*#\s*include\b", line)
        while i < len(line):
            rest = line[i:]
            if state == "block":
                end = rest.find("*/")
                said.append(rest if end < 0 else rest[:end])
                i, state = (len(line), state) if end < 0 else (i + end + 2, "code")
            elif state == "raw":
                end = rest.find(raw_end)
                i, state = (len(line), state) if end < 0 else (i + end + len(raw_end), "code")
            elif rest.startswith("//"):
                said.append(rest.lstrip("/").strip())
                break
            elif rest.startswith("/*"):
                i, state = i + 2, "block"
            elif not directive and (raw := re.match(r'R"([^()\\ ]{0,16})\(', rest)):
                raw_end, state = f'){raw[1]}"', "raw"
                i += raw.end()
            elif not directive and (literal := re.match(
                    r'"(?:\\.|[^"\\])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\])+\'', rest)):
                kept.append('""')
                i += literal.end()
            else:
                kept.append(line[i])
                i += 1
        code.append("".join(kept))
        comments.append(" ".join(said).strip())
    return code, comments


def statement_of(file, index):
    """First and last line (0-based) of the statement around a line."""
    def ends(i):
        text = file.code[i].rstrip()
        return not text or text.endswith((";", "{", "}", ":")) or text.lstrip().startswith("#")
    first = index
    while first > 0 and not ends(first - 1) and index - first < 12:
        first -= 1
    last = index
    while last + 1 < len(file.code) and not ends(last) and last - index < 12:
        last += 1
    return first, last


def comments_for(file, index):
    """The comments that explain a line: its own, else those of its statement, else those above it."""
    if file.comments[index]:
        return [file.comments[index]]
    first, last = statement_of(file, index)
    inside = [file.comments[i] for i in range(first, last + 1) if file.comments[i]]
    if inside:
        return inside
    above, i = [], first - 1
    while i >= 0 and not file.code[i].strip() and file.comments[i]:
        above.insert(0, file.comments[i])
        i -= 1
    return [" ".join(above)] if above else []


def files_in_reach(file, files):
    """The files whose tables and declarations may explain an ordering in `file`."""
    stem = re.sub(r"\.(?:h|cpp)$", "", file.name)
    names = dict.fromkeys([file.name, stem + ".h", stem + ".cpp"] + file.includes)
    return [files[name] for name in names if name in files]


def declaration_names(files, name, orders):
    """Whether the comment at the declaration of an atomic names one of the orderings."""
    for file in files:
        for index, text in enumerate(file.code):
            if re.search(rf"\batomic\w*\s*<.*>\s+{name}\s*[;{{=]", text):
                said, above = file.comments[index], index - 1
                while above >= 0 and not file.code[above].strip() and file.comments[above]:
                    said = file.comments[above] + " " + said
                    above -= 1
                if orders & set(re.findall(ORDER, said.lower())):
                    return True
    return False


def check_orderings(file, files, used, report):
    reach = files_in_reach(file, files)
    for index, text in enumerate(file.code):
        # An argument list may be broken before the ordering: look at it as one line would.
        before = file.code[index - 1].rstrip()[-1:] if index else ""
        line = (before if before in "(,?:" else " ") + text
        orders = {one or other for one, other in ORDER_USE.findall(line)}
        if not orders:
            first, last = statement_of(file, index)
            whole = " ".join(file.code[first:last + 1])
            if ATOMIC_CALL.search(text) and not ORDER_USE.search(whole) \
                    and not re.search(r"\border\w*\b|_order\b", whole):
                report(file, index, "ordering", "an atomic operation without a spelled ordering")
            continue
        if re.search(r"\bmemory_order\s+\w+\s*=", text):
            continue
        words = comments_for(file, index)
        if not words:
            report(file, index, "ordering",
                   f"{', '.join(sorted(orders))}: no comment says what it pairs with or why none is needed")
            continue
        complaints = [judge(comment, orders, reach, used) for comment in words]
        if all(complaints):
            report(file, index, "ordering", complaints[0])


def judge(comment, orders, reach, used):
    """None when the comment explains the orderings, else what is wrong with it."""
    complaint, explained, remaining, promised = None, False, comment, set()
    while mark := MARK.match(remaining):
        rows = [(other.marks[mark[1]][1], other.name) for other in reach if mark[1] in other.marks]
        remaining = remaining[mark.end():].lstrip(" ,;()/")
        if not rows:
            sentence = re.match(r"[a-z]", remaining) and len(comment.split()) >= 4
            if not sentence:  # a sentence may begin with an article
                complaint = complaint or f"mark {mark[1]} is in no protocol table in reach"
            break
        used.update((owner, mark[1]) for _, owner in rows)
        promised.update(order for row, _ in rows for order in re.findall(ORDER, row))
        if {"acquire", "release"} <= promised:  # one operation that is two transitions
            promised.add("acq_rel")
        if orders & promised:
            explained = True
        else:
            complaint = (f"mark {mark[1]} has another ordering in its table than here "
                         f"({', '.join(sorted(orders))})")
    if explained or complaint:
        return None if explained else complaint
    if named := re.match(r"see\s+`?(?!above|below)(\w+)`?", comment):
        return None if declaration_names(reach, named[1], orders) else (
            f"no comment at a declaration of {named[1]} in reach names {', '.join(sorted(orders))}")
    if comment.lower().startswith("as above") or len(re.findall(r"[A-Za-z_]{2,}", comment)) >= 3:
        return None
    return "the comment is neither a mark nor a reason (at least three words)"


def check_tables(file, used, report):
    for mark, (number, row) in file.marks.items():
        columns = re.split(r"\s{2,}", row.strip())
        order = re.search(rf"\b(?:{ORDER})\b", row)
        if not order:
            report(file, number - 1, "table", f"row {mark} names no ordering")
        elif not row[order.end():].strip(" ,/") or len(columns) < 2:
            report(file, number - 1, "table", f"row {mark} does not say what it pairs with")
        if (file.name, mark) not in used:
            report(file, number - 1, "table", f"mark {mark} is carried by no line of code")


def check(root):
    names = sorted(path.relative_to(root).as_posix() for layer in LAYERS
                   for path in (root / layer).rglob("*") if path.suffix in (".h", ".cpp"))
    files = {name: source(root, name) for name in names}
    found, used = [], set()

    def report(file, index, rule, text):
        found.append(f"{file.name}:{index + 1}: {rule}: {text}\n    {file.lines[index].strip()}")

    for file in files.values():
        for rule, pattern, allowed, cure in SEAMS:
            if re.match(allowed, file.name):
                continue
            for index, line in enumerate(file.code):
                if re.search(pattern, line):
                    report(file, index, rule, cure)
        if file.name != "base/seam/atomic.h":
            check_orderings(file, files, used, report)
    for file in files.values():
        check_tables(file, used, report)
    return len(files), found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    count, found = check(root.resolve())
    if count == 0:
        print(f"check_seams: {root} has none of the folders {', '.join(LAYERS)}")
        return 1
    for breach in found:
        print(breach)
    if found:
        print(f"check_seams: {len(found)} breaches in {count} files")
        return 1
    print(f"check_seams: {count} files, all seams closed, every ordering explained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
