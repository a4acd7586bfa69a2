"""Measures Edo beside its peers; tools/bench.sh is the way to start it."""

import argparse
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import chart
import comparison
import machine
import markdown
import micro
import peers
import plan
from server_under_load import Failed, ServerUnderLoad, Skipped


def progress(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


STARTED = time.monotonic()


class Bench:
    """One run of everything that was asked for."""

    def __init__(self, opts):
        self._opts = opts
        self._generator = opts.bin / "bench_load_generator"
        self._skipped = {}
        self.results = {"rows": [], "curves": [], "goals": [], "micro": [], "peers": [],
                        "skipped": [], "failures": []}

    def run_row(self, row, threads):
        servers = [s for s in plan.SERVERS[row.service] if s.quick or not self._opts.quick]
        flags = [*row.load, "--connections", str(row.connections),
                 "--threads", str(min(threads, row.connections))]
        if "--rate" in row.load:
            flags += self._wait_at_fixed_rate(threads)
        raw = self._interleave(servers, threads, row.service, flags, self._opts.rounds, row.title)
        if not raw:
            return
        rounds_of = {name: [comparison.figures(each) for each in samples]
                     for name, samples in raw.items()}
        summary = {name: comparison.medians(rounds) for name, rounds in rounds_of.items()}
        goals = [dict(result, threads=threads) for goal in plan.GOALS if row.key in goal.rows
                 for result in comparison.judge(goal, row, servers, rounds_of)]
        self.results["rows"].append({"key": row.key, "title": row.title, "threads": threads,
                                     "summary": summary, "samples": raw})
        self.results["goals"] += goals
        print("\n" + markdown.row_table(row.title, threads, summary), flush=True)

    def run_curve(self, curve):
        rates = curve.quick_rates if self._opts.quick else curve.rates
        rounds = max(1, self._opts.rounds // 2)
        servers = [s for s in plan.SERVERS[curve.service] if s.quick]
        series = {}
        samples = []
        for rate in rates:
            flags = ["--connections", str(curve.connections), "--rate", str(rate),
                     *self._wait_at_fixed_rate(1)]
            raw = self._interleave(servers, 1, curve.service, flags, rounds,
                                   f"{curve.title}, {rate:,} requests/s")
            samples.append({"rate": rate, "samples": raw})
            for name, runs in raw.items():
                figures = comparison.medians([comparison.figures(each) for each in runs])
                series.setdefault(name, []).append(
                    {**figures, "rate": rate, "achieved_rate": figures["rate"]})
        if not series:
            return
        path = self._opts.out / f"latency_{curve.key}.svg"
        path.write_text(chart.draw(curve.title, series), encoding="utf-8")
        self.results["curves"].append({"key": curve.key, "title": curve.title, "series": series,
                                       "samples": samples, "svg": path.name})
        print("\n" + markdown.curve_table(curve.title, series))
        print(f"\nLatency curve: {path}", flush=True)

    def run_micro(self):
        program = self._opts.bin / "bench_micro"
        if not program.exists():
            self._skip("micro benchmarks", f"{program} is not built")
            return
        rounds = []
        try:
            for number in range(1 if self._opts.quick else self._opts.rounds):
                progress(f"micro benchmarks, round {number + 1}")
                rounds.append(micro.run_once(program, self._opts.quick))
        except Exception as error:
            self._fail(f"micro benchmarks: {error}")
        if rounds:
            self.results["micro"] = micro.pair(rounds, plan.MICRO_GOALS, plan.COUNTER_GOALS)
            print("\n" + markdown.micro_table(self.results["micro"]), flush=True)

    def run_peers(self):
        program = self._opts.bin / "bench_micro"
        contestants = []
        for make in (lambda: peers.Micro("edo", program, "libbenchmark-dev"),
                     *(lambda p=p: peers.Peer(p.name, self._opts.bin / p.program, p.package)
                       for p in plan.PEERS),
                     lambda: peers.Micro("asio", program, "libbenchmark-dev and libboost-dev")):
            try:
                contestants.append(make())
            except peers.Missing as reason:
                self._skip("peers", str(reason))
        if not contestants or contestants[0].name != "edo":
            return
        known = [case for peer in contestants[1:] if peer.name != "asio" for case in peer.cases]
        cases = [c for c in contestants[0].cases if c in known and self._opts.cases.search(c)]
        for case in cases:
            self._run_case(case, [c for c in contestants if case in c.cases])
        if self.results["peers"]:
            print("\n" + markdown.peer_table(self.results["peers"]), flush=True)

    def _run_case(self, case, contestants):
        samples = {}
        for number in range(self._opts.rounds):
            progress(f"{case}, round {number + 1} of {self._opts.rounds}")
            try:
                answers = peers.measure_round(case, contestants, self._opts.seconds / 10, number)
            except peers.Failed as reason:
                return self._fail(f"{case}: {reason}")
            for name, answer in answers.items():
                if isinstance(answer, peers.Sample):
                    samples.setdefault(name, []).append(answer.ns)
                    continue
                # Not asked again: it might take as long every time.
                contestants = [c for c in contestants if c.name != name]
                samples.pop(name, None)
                if name == "edo":
                    return self._fail(f"{case}: {name}: {answer}")
                self._skip(f"{case}, {name}", str(answer))
        order = [c.name for c in contestants]
        self.results["peers"].append(peers.judge(case, {name: samples[name] for name in order},
                                                 plan.PEER_GOAL, plan.PEER_FIGURES))

    def _interleave(self, servers, threads, service, flags, rounds, title):
        """Every round measures every server once, each time from another one onwards.

        Returns: server name -> list of samples, only of servers that went through all rounds.
        """
        samples = {}
        broken = set()
        for number in range(rounds):
            progress(f"{title}, {threads} server thread{'s' if threads > 1 else ''}, "
                     f"round {number + 1} of {rounds}")
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                if server.name in broken:
                    continue
                try:
                    sample = self._measure(server, threads, service, flags)
                except Skipped as reason:
                    broken.add(server.name)
                    self._skip(f"{service}, {server.name}", str(reason))
                except Failed as reason:
                    broken.add(server.name)
                    self._fail(f"{title}, {threads} thread(s): {reason}")
                else:
                    samples.setdefault(server.name, []).append(sample)
        return {s.name: samples[s.name] for s in servers
                if s.name in samples and s.name not in broken}

    def _measure(self, server, threads, service, flags):
        client = ["--seconds", str(self._opts.seconds), "--warm-up", str(self._opts.warm_up)]
        if self._pinned(threads):
            client += ["--cpu", "1"]
        with ServerUnderLoad(self._opts.bin, server, threads, self._pinned(threads)) as running:
            return running.measure(self._generator, service, [*flags, *client])

    def _pinned(self, threads):
        return threads == 1 and not self._opts.unpinned and (os.cpu_count() or 1) >= 2

    def _wait_at_fixed_rate(self, threads):
        # A client that sleeps would add its own wake-up to every latency; where it has a CPU of its
        # own it stays awake.
        return ["--wait", "spin"] if self._pinned(threads) else []

    def _skip(self, what, why):
        if self._skipped.get(what) != why:
            self._skipped[what] = why
            self.results["skipped"].append(f"{what}: {why}")
            progress(f"SKIPPED {what}: {why}")

    def _fail(self, text):
        self.results["failures"].append(text)
        progress(f"FAILED {text}")


@dataclass
class Extent:
    rounds: int
    seconds: float
    warm_up: float
    threads: str


QUICK = Extent(rounds=3, seconds=0.3, warm_up=0.1, threads="1")
NORMAL = Extent(rounds=5, seconds=1.0, warm_up=0.3, threads="1,2")
FULL = Extent(rounds=7, seconds=1.5, warm_up=0.3, threads="1,2")


def positive(convert):
    def check(text):
        value = convert(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value
    return check


def thread_counts(text):
    try:
        counts = [int(each) for each in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of thread counts such as 1,2")
    return counts


def pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}")


def read_options():
    parser = argparse.ArgumentParser(
        prog="tools/bench.sh",
        description="Measures Edo beside Boost.Asio, Boost.Beast, raw servers, Tokio, Go and oneTBB, "
                    "interleaved.")
    parser.add_argument("--quick", action="store_true", help="about a minute; the main rows")
    parser.add_argument("--full", action="store_true", help="near an hour; all rows")
    parser.add_argument("--rounds", type=positive(int), help="rounds of each row")
    parser.add_argument("--seconds", type=positive(float), help="measured time of each run")
    parser.add_argument("--threads", type=thread_counts, help="server threads, such as 1,2")
    parser.add_argument("--only", choices=("echo", "http", "mixed", "metrics", "micro", "peers"),
                        help="one part of it; peers (Tokio, Go, oneTBB) and metrics (what counting "
                             "costs) are else in --full alone")
    parser.add_argument("--cases", type=pattern, default="",
                        help="of the peers' cases only those that match, such as 'spawn|yield/2'")
    parser.add_argument("--unpinned", action="store_true",
                        help="leaves one-thread servers and their client to the scheduler; else "
                             "the server runs on CPU 0 and the client on CPU 1")
    parser.add_argument("--no-build", action="store_true", help="takes the programs as they are")
    parser.add_argument("--bin", type=Path, help="where the programs are (build/release/bin)")
    parser.add_argument("--out", type=Path, help="where results go (build/bench)")
    opts = parser.parse_args()
    if opts.quick and opts.full:
        parser.error("--quick and --full exclude each other")
    extent = QUICK if opts.quick else FULL if opts.full else NORMAL
    opts.rounds = opts.rounds or extent.rounds
    opts.seconds = opts.seconds or extent.seconds
    opts.warm_up = extent.warm_up
    opts.threads = opts.threads or thread_counts(extent.threads)
    opts.root = Path(__file__).resolve().parents[2]
    opts.bin = (opts.bin or opts.root / "build/release/bin").resolve()
    opts.out = (opts.out or opts.root / "build/bench").resolve()
    return opts


def main():
    opts = read_options()
    if opts.only not in ("micro", "peers") and not (opts.bin / "bench_load_generator").exists():
        sys.exit(f"{opts.bin / 'bench_load_generator'} is not built; start tools/bench.sh without "
                 "--no-build")
    opts.out.mkdir(parents=True, exist_ok=True)

    bench = Bench(opts)
    about = machine.describe(opts.bin.parent, opts.root)
    about["run"] = (f"{opts.rounds} rounds of {opts.seconds:g} s, medians; one server thread: "
                    + ("not pinned" if opts.unpinned else "server on CPU 0, client on CPU 1")
                    + "; more threads: not pinned")
    bench.results["about"] = about
    print("\n".join(f"- {label}: {text}" for label, text in about.items()), flush=True)

    if os.getloadavg()[0] > 0.5:
        progress("NOTE this machine is busy with other work; only ratios of CPU time mean something")

    if opts.only not in ("micro", "peers"):
        rows = [r for r in plan.ROWS if opts.only in (None, r.service)
                and (r.quick or not opts.quick)
                and (opts.full or not r.full_only or opts.only == r.service == "metrics")]
        for threads in opts.threads:
            for row in rows:
                bench.run_row(row, threads)
        for curve in plan.CURVES:
            if 1 in opts.threads and opts.only in (None, curve.service) and (
                    curve.quick_rates or not opts.quick):
                bench.run_curve(curve)
    if opts.only in (None, "micro"):
        bench.run_micro()
    if opts.only == "peers" or opts.full and opts.only is None:
        bench.run_peers()

    results = bench.results
    if results["goals"]:
        print("\n" + markdown.goal_table(results["goals"]))
    for label in ("skipped", "failures"):
        if results[label]:
            print(f"\n{label.capitalize()}:\n" + "\n".join(f"- {each}" for each in results[label]))
    path = opts.out / "results.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    verdicts = [g["verdict"] for g in results["goals"]] + [
        p["verdict"] for p in results["micro"] if "verdict" in p] + [
        "missed" if p["missed"] else "reached" for p in results["peers"] if "best" in p]
    print(f"\nbench: {len(results['rows'])} rows, {verdicts.count('reached')} goals reached, "
          f"{verdicts.count('tie')} ties, {verdicts.count('missed')} missed, "
          f"{len(results['skipped'])} skipped, {len(results['failures'])} failed, "
          f"{time.monotonic() - STARTED:.0f} s; raw data: {path}")
    sys.exit(1 if results["failures"] else 0)


if __name__ == "__main__":
    main()
