"""Two kinds of plots as SVG, readable on light and dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

WIDTH, ROW, LEFT = 760, 24, 230
COLOURS = ("#2f7ed8", "#e4753a", "#3a9d5d", "#8e5bb5", "#b58900", "#888888")
STYLE = "text{font:13px sans-serif;fill:#777}.value{font-size:10px}.title{font-weight:bold}.grid{stroke:#9994}"

Points = Sequence[tuple[float, float]]


def bars(title: str, rows: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    """One group of bars for each row, one bar for each of *names*."""
    longest = max(max(values) for values in rows.values())
    thickness = ROW // len(names)
    shapes = _key(names)
    for row, (label, values) in enumerate(rows.items()):
        top = 60 + row * (ROW + 8)
        shapes.append(f'<text x="{LEFT - 8}" y="{top + ROW / 2 + 4}" text-anchor="end">{escape(label)}</text>')
        for index, value in enumerate(values):
            y, length = top + index * thickness, max(1, value / longest * (WIDTH - LEFT - 60))
            shapes.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{thickness}" fill="{COLOURS[index]}"/>'
            )
            shapes.append(
                f'<text x="{LEFT + length + 5:.1f}" y="{y + thickness - 1}" class="value">{value:,.0f}</text>'
            )
    return _picture(title, shapes, 70 + len(rows) * (ROW + 8))


def lines(title: str, series: Mapping[str, Points], x_name: str, y_name: str) -> str:
    """Lines over logarithmic axes with a grid of powers of ten."""
    height, right, bottom = 400, WIDTH - 30, 350
    spans = [_decades([point[axis] for points in series.values() for point in points]) for axis in (0, 1)]

    def place(value: float, axis: int) -> float:
        (low, high), (start, end) = spans[axis], ((80, right), (bottom, 60))[axis]
        return start + (log10(value) - low) / (high - low) * (end - start)

    shapes = _key(list(series))
    for axis in (0, 1):
        for decade in range(spans[axis][0], spans[axis][1] + 1):
            at, power = place(10.0**decade, axis), f"{10**decade:,}"
            if axis == 0:
                shapes.append(f'<path class="grid" d="M{at:.1f} 60V{bottom}"/>')
                shapes.append(f'<text x="{at:.1f}" y="370" text-anchor="middle">{power}</text>')
            else:
                shapes.append(f'<path class="grid" d="M80 {at:.1f}H{right}"/>')
                shapes.append(f'<text x="72" y="{at + 4:.1f}" text-anchor="end">{power}</text>')
    for index, points in enumerate(series.values()):
        path = " ".join(f"{place(x, 0):.1f},{place(y, 1):.1f}" for x, y in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="2.5"/>')
    shapes.append(f'<text x="{right}" y="390" text-anchor="end">{escape(x_name)}</text>')
    shapes.append(f'<text x="10" y="52">{escape(y_name)}</text>')
    return _picture(title, shapes, height)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = int(log10(min(values)) // 1), -int(-log10(max(values)) // 1)
    return low, max(high, low + 1)


def _key(names: Sequence[str]) -> list[str]:
    shapes, x = [], 20.0
    for index, name in enumerate(names):
        shapes.append(f'<rect x="{x:.0f}" y="30" width="12" height="12" fill="{COLOURS[index]}"/>')
        shapes.append(f'<text x="{x + 16:.0f}" y="41">{escape(name)}</text>')
        x += 28 + 6.2 * len(name)
    return shapes


def _picture(title: str, shapes: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><style>{STYLE}</style>'
    return "\n".join([head, f'<text class="title" x="20" y="18">{escape(title)}</text>', *shapes, "</svg>", ""])
