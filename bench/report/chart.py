"""Draws latency over request rate as SVG, with nothing but text."""

from math import floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 480
LEFT, RIGHT, TOP, BOTTOM = 80, 230, 50, 60
COLOURS = ("#d1495b", "#e07b39", "#2b6cb0", "#63a4d4", "#555555", "#2f855a", "#8fbc5a", "#805ad5")


def _ticks(lowest, highest):
    """1, 2, 5, 10, ... from below the lowest to above the highest."""
    ticks = []
    exponent = floor(log10(lowest))
    while True:
        for digit in (1, 2, 5):
            ticks.append(digit * 10.0**exponent)
            if ticks[-1] >= highest:
                return [t for i, t in enumerate(ticks) if i + 1 == len(ticks) or ticks[i + 1] > lowest]
        exponent += 1


def _thousands(rate):
    return f"{rate / 1000:g}k"


def _microseconds(value):
    return f"{value:g} µs" if value < 1000 else f"{value / 1000:g} ms"


def draw(title, series):
    """`series`: server name -> list of {"rate", "p50_us", "p99_us"}, by rising rate.

    Solid lines are the 99th percentile, dashed ones the median. The latency axis is logarithmic.
    Returns: the text of the SVG.
    """
    points = [point for line in series.values() for point in line]
    ticks = _ticks(min(p["p50_us"] for p in points), max(p["p99_us"] for p in points))
    most = max(p["rate"] for p in points) * 1.02
    bottom, top = log10(ticks[0]), log10(ticks[-1])

    def x(rate):
        return LEFT + (WIDTH - LEFT - RIGHT) * rate / most

    def y(latency):
        share = (log10(latency) - bottom) / (top - bottom)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="26" font-size="16">{escape(title)}</text>']
    for tick in ticks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
                   'stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">'
                   f"{_microseconds(tick)}</text>")
    for rate in sorted({p["rate"] for p in points}):
        out.append(f'<text x="{x(rate):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
                   f"{_thousands(rate)}</text>")
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">'
               "requests per second (fixed rate; latency from the due time)</text>")
    for index, (name, line) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        for percentile, dash in (("p50_us", ' stroke-dasharray="5 4"'), ("p99_us", "")):
            path = " ".join(f'{x(p["rate"]):.1f},{y(p[percentile]):.1f}' for p in line)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                       f'stroke-width="2"{dash}/>')
            out.extend(f'<circle cx="{x(p["rate"]):.1f}" cy="{y(p[percentile]):.1f}" r="3" '
                       f'fill="{colour}"/>' for p in line)
        legend = TOP + 10 + 22 * index
        out.append(f'<rect x="{WIDTH - RIGHT + 20}" y="{legend - 9}" width="14" height="10" '
                   f'fill="{colour}"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 40}" y="{legend}">{escape(name)}</text>')
    legend = TOP + 22 * len(series) + 20
    out.append(f'<text x="{WIDTH - RIGHT + 20}" y="{legend}">solid: p99, dashed: p50</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
