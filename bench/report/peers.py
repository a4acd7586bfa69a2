"""Puts the cases of bench_micro to other runtimes too, one after the other in every round."""

import json
import re
import subprocess
from dataclasses import dataclass
from statistics import median

LISTED = re.compile(r"^(?:edo|asio)/(\w+/\d+)(?:/|$)")
TO_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
# One measurement takes a second or two at most: who needs longer is stuck.
PATIENCE = 30


class Missing(Exception):
    """The contestant is not here."""


class Failed(Exception):
    """It was asked and did not answer."""


@dataclass(frozen=True)
class Sample:
    """The operations of one measurement, and the time of one."""

    operations: int
    ns: float


def _run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failed(f"no end within {PATIENCE} s") from None
    if done.returncode != 0:
        raise Failed(f"ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Contestant:
    """One side of the comparison. `cases` are those that it knows, such as `yield/2`."""

    def __init__(self, name, program, package):
        if not program.exists():
            raise Missing(f"{program} is not built; it needs {package}")
        self.name = name
        self._program = str(program)
        self.cases = self._list()


class Micro(Contestant):
    """Edo or Asio, which share a program."""

    def _list(self):
        names = _run([self._program, "--benchmark_list_tests"]).splitlines()
        found = (LISTED.match(each) for each in names if each.startswith(f"{self.name}/"))
        return [each[1] for each in found if each]

    def measure(self, case, seconds):
        answer = json.loads(_run([
            self._program, f"--benchmark_filter=^{self.name}/{case}(/|$)",
            f"--benchmark_min_time={seconds}", "--benchmark_format=json"]))["benchmarks"][0]
        if answer.get("error_occurred"):
            raise Failed(answer["error_message"])
        return Sample(int(answer["label"]), answer["real_time"] * TO_NS[answer["time_unit"]])


class Peer(Contestant):
    """A program of bench/micro/peers."""

    def _list(self):
        return _run([self._program, "--list"]).split()

    def measure(self, case, seconds):
        name, _, workers = case.partition("/")
        operations, ns = _run([self._program, name, workers, str(seconds)]).split()
        return Sample(int(operations), float(ns))


def measure_round(case, contestants, seconds, turn):
    """Asks all, each time from another one onwards.

    Returns: name -> sample, or why there is none.
    """
    turn %= len(contestants)
    answers = {}
    for each in contestants[turn:] + contestants[:turn]:
        try:
            answers[each.name] = each.measure(case, seconds)
        except Failed as reason:
            answers[each.name] = reason
    asked = {a.operations for a in answers.values() if isinstance(a, Sample)}
    if len(asked) > 1:
        raise Failed(f"not all measured the same number of operations: {sorted(asked)}")
    return answers


def _ratio(ours, theirs):
    """Each round is compared with itself, because the machine drifts."""
    return median(a / b for a, b in zip(ours, theirs))


def judge(case, samples, goal, figures):
    """Compares one row with what is wanted. `samples` is name -> times of all rounds."""
    name, _, workers = case.partition("/")
    row = {"case": name, "workers": int(workers), "samples": samples, "missed": [],
           "ns": {side: median(times) for side, times in samples.items()}}
    wanted = figures.get(name)
    if wanted is not None:
        row["figure"] = wanted[min(int(workers), len(wanted)) - 1]
    ours = samples.get("edo")
    theirs = {side: times for side, times in samples.items() if side != "edo"}
    if ours is None or not theirs:
        return row
    best = min(theirs, key=lambda side: median(theirs[side]))
    row["best"] = best
    row["to_best"] = _ratio(ours, theirs[best])
    if row["to_best"] > goal.to_best:
        row["missed"].append(f"best peer ({best})")
    if goal.rival in theirs:
        row["to_rival"] = _ratio(ours, theirs[goal.rival])
        row["bound"] = goal.one_worker if row["workers"] == 1 else goal.more_workers
        if row["to_rival"] > row["bound"]:
            row["missed"].append(goal.rival)
    return row
