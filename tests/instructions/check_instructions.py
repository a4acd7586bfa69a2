#!/usr/bin/env python3
"""Counts the instructions of what every program does most, and holds them against the record.

    check_instructions.py PROGRAM RECORD           fails if a row has grown by more than 5 %
    check_instructions.py PROGRAM RECORD --write   takes the counts of today into the record

Each row is run under callgrind with n and with 2 n turns; the difference is that of n turns, without
the start and the end. Exit code 77 (skipped): no valgrind here, or another compiler than the record's.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
TURNS = 5000
MOST_GROWTH = 1.05


def collected(program, row, turns):
    """Instructions of a whole run."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, row, str(turns)],
        capture_output=True, text=True, check=False)
    found = re.search(r"Collected\s*:\s*(\d+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"check_instructions: {row} failed under callgrind:\n{run.stderr[-2000:]}")
    return int(found[1])


def count(program, rows):
    """The instructions of one turn of each row."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {row: [pool.submit(collected, program, row, turns) for turns in (TURNS, 2 * TURNS)]
                for row in rows}
        return {row: (twice.result() - once.result()) / TURNS for row, (once, twice) in jobs.items()}


def read_record(path):
    """Returns: the compiler, and the count of each row."""
    compiler, rows = "", {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("# compiler: "):
            compiler = line.removeprefix("# compiler: ")
        elif line and not line.startswith("#"):
            name, value = line.split()
            rows[name] = float(value)
    return compiler, rows


def write_record(path, compiler, counts):
    """Replaces the record."""
    lines = ["# Instructions of one turn of each row of instructions.cpp, as check_instructions.py counts",
             "# them. Who makes one grow by more than 5 % says why, and changes it here.",
             f"# compiler: {compiler}"]
    lines += [f"{row} {value:.0f}" for row, value in counts.items()]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows_of(program):
    """The rows that the program has."""
    return subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()


def compiler_of(program):
    """What the program was compiled with, as it says of itself."""
    note = subprocess.run(["readelf", "--string-dump=.comment", program],
                          capture_output=True, text=True, check=True).stdout
    return "; ".join(sorted(set(re.findall(r"\]\s+(.*)", note))))


def skip(why):
    """Ends the check without an answer."""
    print(f"check_instructions: skipped: {why}")
    sys.exit(SKIPPED)


def main(arguments):
    """Returns: the exit code."""
    program, record = arguments[:2]
    if subprocess.run(["valgrind", "--version"], capture_output=True, check=False).returncode != 0:
        skip("valgrind does not run here")
    compiler, wanted = read_record(record)
    here = compiler_of(program)
    if arguments[2:] == ["--write"]:
        write_record(record, here, count(program, rows_of(program)))
        return 0
    unrecorded = set(rows_of(program)) ^ set(wanted)
    if unrecorded:
        sys.exit(f"check_instructions: in the program or in the record only: {', '.join(sorted(unrecorded))}")
    if compiler != here:
        skip(f"the record is of \"{compiler}\", this is \"{here}\"")
    grown = 0
    for row, value in count(program, wanted).items():
        change = value / wanted[row]
        verdict = "grown" if change > MOST_GROWTH else "less; worth recording" if change < 0.95 else "ok"
        grown += verdict == "grown"
        print(f"{row:20} {value:8.0f} now {wanted[row]:8.0f} recorded   {verdict}")
    if grown:
        print(f"check_instructions: {grown} rows have grown by more than 5 %; if that is worth it, run\n"
              f"  {' '.join(arguments[:2])} --write")
    return 1 if grown else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FileNotFoundError as missing:
        skip(str(missing))
