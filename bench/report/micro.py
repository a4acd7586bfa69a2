"""Runs the micro benchmarks and pairs `edo/x` with `asio/x`."""

import json
import re
import subprocess
from statistics import median

NAME = re.compile(r"^(edo|asio)[/_:]+(.+)$")
CASE = re.compile(r"^(edo|asio)/(\w+)/")
TO_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
STANDARD = {"name", "run_name", "run_type", "family_index", "per_family_instance_index",
            "repetitions", "repetition_index", "threads", "iterations", "real_time", "cpu_time",
            "time_unit", "label", "items_per_second", "bytes_per_second"}


def paired_cases(program):
    """The cases that both sides have, as a filter; what only Edo has is for peers.py."""
    listed = subprocess.run([str(program), "--benchmark_list_tests"], capture_output=True,
                            text=True, check=True, timeout=60).stdout.splitlines()
    cases = {"edo": set(), "asio": set()}
    for found in filter(None, map(CASE.match, listed)):
        cases[found[1]].add(found[2])
    return "/(" + "|".join(sorted(cases["edo"] & cases["asio"])) + ")/"


def run_once(program, quick):
    """Returns: one dictionary for each benchmark: name, time in ns, counters of its own."""
    command = [str(program), "--benchmark_format=json",
               f"--benchmark_filter={paired_cases(program)}"]
    if quick:
        command.append("--benchmark_min_time=0.05")
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise RuntimeError(f"{program.name} ended with code {done.returncode}: "
                           f"{done.stderr.strip()[-300:]}")
    results = []
    for each in json.loads(done.stdout)["benchmarks"]:
        if each.get("error_occurred"):
            raise RuntimeError(f"{each['name']}: {each.get('error_message')}")
        if each.get("run_type") == "aggregate":
            continue
        results.append({
            "name": each["name"],
            "ns": each["real_time"] * TO_NS[each["time_unit"]],
            "counters": {key: value for key, value in each.items()
                         if key not in STANDARD and isinstance(value, (int, float))}})
    return results


def verdict(value, bound):
    return "reached" if value <= bound else "missed"


def pair(rounds, goals, counter_goals):
    """Medians over the rounds of every benchmark, and ratios of those that have both sides."""
    sides = {}
    order = []
    for results in rounds:
        for each in results:
            found = NAME.match(each["name"])
            side, case = (found[1], found[2]) if found else ("other", each["name"])
            for what, value in (("ns", each["ns"]), *each["counters"].items()):
                key = (case, what)
                if key not in sides:
                    sides[key] = {}
                    order.append(key)
                sides[key].setdefault(side, []).append(value)
    pairs = []
    for case, what in order:
        values = sides[(case, what)]
        entry = {"case": case, "what": what,
                 **{side: median(numbers) for side, numbers in values.items()}}
        if "edo" in values and "asio" in values and all(values["asio"]):
            entry["ratio"] = median(a / b for a, b in zip(values["edo"], values["asio"]))
            goal = next((g for g in goals if re.search(g.pattern, case)), None)
            if goal and what == "ns":
                entry.update(bound=goal.bound, verdict=verdict(entry["ratio"], goal.bound))
        counter = next((g for g in counter_goals if re.search(g.pattern, f"{case} {what}")), None)
        if counter and "edo" in values:
            entry.update(bound=counter.bound, verdict=verdict(entry["edo"], counter.bound))
        pairs.append(entry)
    return pairs
