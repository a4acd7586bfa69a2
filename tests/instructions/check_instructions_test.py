#!/usr/bin/env python3
"""Holds check_instructions.py against records that are too low and too high:

    check_instructions_test.py PROGRAM RECORD
"""
import pathlib
import subprocess
import sys
import tempfile

import check_instructions


def answer_to(program, record, change):
    """Exit code and output for a record whose rows `change` has altered."""
    compiler, rows = check_instructions.read_record(record)
    change(rows)
    with tempfile.TemporaryDirectory() as folder:
        changed = pathlib.Path(folder) / "record.txt"
        check_instructions.write_record(changed, compiler, rows)
        run = subprocess.run([sys.executable, check_instructions.__file__, program, str(changed)],
                             capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr


def times(factor):
    """Changes one row by a factor."""
    def change(rows):
        rows["yield"] *= factor
    return change


def main(program, record):
    """Returns: the exit code."""
    grown, said = answer_to(program, record, times(0.9))
    if grown == check_instructions.SKIPPED:
        print(said)
        return grown
    assert grown == 1 and "grown" in said, said
    less, said = answer_to(program, record, times(1.2))
    assert less == 0 and "worth recording" in said, said
    lacking, said = answer_to(program, record, lambda rows: rows.pop("yield"))
    assert lacking == 1 and "only: yield" in said, said
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
