"""Turns results into markdown."""

UNITS = {"rate": "req/s", "cpu_us": "CPU", "p99_us": "p99"}


def table(header, rows):
    """The first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |",
             "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _latency(microseconds):
    return f"{microseconds:.0f}" if microseconds >= 100 else f"{microseconds:.1f}"


def row_table(title, threads, summary):
    body = [(name, f"{f['rate']:,.0f}", f"{f['cpu_us']:.3f}", _latency(f["p50_us"]),
             _latency(f["p99_us"]), _latency(f["p99.9_us"]), f"{f['resident_mib']:.1f}")
            for name, f in summary.items()]
    head = (f"{title}, {threads} server thread{'s' if threads > 1 else ''}", "req/s",
            "CPU µs/req", "p50 µs", "p99 µs", "p99.9 µs", "MiB")
    return table(head, body)


def goal_table(goals):
    body = []
    for g in goals:
        sign = "≤" if g["at_most"] else "≥"
        value = g["ratio"]
        body.append((f"{g['title']}, {g['threads']} thr.: {UNITS[g['metric']]}, "
                     f"{g['ours']} : {g['theirs']}",
                     f"{value['median']:.2f}", f"{value['lowest']:.2f} to {value['highest']:.2f}",
                     f"{sign} {g['bound']:g}", g["verdict"]))
    return table(("Ratio inside each round", "median", "range", "goal", ""), body)


def micro_table(pairs):
    body = []
    for p in pairs:
        unit = "" if p["what"] == "ns" else f", {p['what']}"
        number = "{:,.1f}"
        body.append((p["case"] + unit,
                     number.format(p["edo"]) if "edo" in p else "–",
                     number.format(p["asio"]) if "asio" in p else
                     number.format(p["other"]) if "other" in p else "–",
                     f"{p['ratio']:.3f}" if "ratio" in p else "–",
                     f"≤ {p['bound']:g}" if "bound" in p else "",
                     p.get("verdict", "")))
    return table(("Micro benchmark (ns unless named)", "Edo", "Asio or other", "ratio", "goal", ""),
                 body)


def peer_table(rows):
    """The sides are the columns, in the order in which they first appear."""
    sides = list(dict.fromkeys(side for row in rows for side in row["ns"]))
    body = []
    for row in rows:
        body.append((row["case"], str(row["workers"]),
                     *(f"{row['ns'][side]:,.1f}" if side in row["ns"] else "–" for side in sides),
                     f"{row['to_rival']:.2f}" if "to_rival" in row else "–",
                     f"{row['to_best']:.2f} {row['best']}" if "best" in row else "–",
                     f"≤ {row['bound']:.2f}" if "bound" in row else "≤ 1" if "best" in row else "",
                     f"{row['figure']:g}" if "figure" in row else "",
                     "missed: " + ", ".join(row["missed"]) if row["missed"] else
                     "reached" if "best" in row else ""))
    return table(("Case, ns an operation", "workers", *sides, "Edo : Tokio", "Edo : best", "goal",
                  "figure", ""), body)


def curve_table(title, series):
    rates = sorted({point["rate"] for line in series.values() for point in line})
    body = []
    for name, line in series.items():
        at = {point["rate"]: point for point in line}
        body.append((name, *(f"{_latency(at[r]['p50_us'])} / {_latency(at[r]['p99_us'])}"
                             if r in at else "–" for r in rates)))
    return table((f"{title}: p50 / p99 µs at", *(f"{r / 1000:g}k/s" for r in rates)), body)
