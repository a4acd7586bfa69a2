"""Medians of rounds, and ratios that are taken inside each round."""

from statistics import median

METRICS = ("rate", "cpu_us", "p50_us", "p99_us", "p99.9_us", "max_us", "resident_mib")


def figures(sample):
    """The metrics of one run of the load generator."""
    latency = sample["latency_us"]
    return {
        "rate": sample["requests_per_second"],
        "cpu_us": sample["server_cpu_ns_per_request"] / 1e3,
        "p50_us": latency["p50"],
        "p99_us": latency["p99"],
        "p99.9_us": latency["p99.9"],
        "max_us": latency["max"],
        "resident_mib": sample["server_resident_bytes"] / 2**20,
    }


def medians(rounds):
    """`rounds` are the figures of one server, one dictionary each."""
    return {metric: median(each[metric] for each in rounds) for metric in METRICS}


def ratio(ours, theirs, metric):
    """The machine drifts from minute to minute, so each round is compared with itself.

    Returns: median, lowest and highest of the ratios.
    """
    ratios = sorted(a[metric] / b[metric] for a, b in zip(ours, theirs))
    return {"median": median(ratios), "lowest": ratios[0], "highest": ratios[-1]}


def best(names, rounds_of, metric):
    """The name whose median is the better one: the higher rate, else the lower figure."""
    choose = max if metric == "rate" else min
    return choose(names, key=lambda name: median(each[metric] for each in rounds_of[name]))


def judge(goal, row, servers, rounds_of):
    """Compares one row with one goal; a list, as each reactor of ours is a comparison."""
    ours = [s for s in servers if s.family == goal.ours and s.name in rounds_of]
    if ours and goal.best_of_ours:
        name = best([s.name for s in ours], rounds_of, goal.metric)
        ours = [s for s in ours if s.name == name]
    results = []
    for server in ours:
        theirs = [s.name for s in servers if s.family == goal.theirs and s.name in rounds_of
                  and (not goal.same_reactor or s.reactor == server.reactor)]
        if not theirs:
            continue
        other = best(theirs, rounds_of, goal.metric)
        value = ratio(rounds_of[server.name], rounds_of[other], goal.metric)
        limit = goal.bound * (1 + goal.tie if goal.at_most else 1 - goal.tie)
        reached = value["median"] <= limit if goal.at_most else value["median"] >= limit
        strictly = (value["median"] <= goal.bound) == goal.at_most or value["median"] == goal.bound
        results.append({"row": row.key, "title": row.title, "metric": goal.metric,
                        "ours": server.name, "theirs": other, "ratio": value,
                        "bound": goal.bound, "at_most": goal.at_most,
                        "verdict": "missed" if not reached else "reached" if strictly else "tie"})
    return results
