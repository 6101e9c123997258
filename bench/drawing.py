"""Two kinds of plots, as SVG: bars that are compared, and lines that grow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

WIDTH, LEFT, RIGHT, TOP = 720, 170, 90, 56
ROW = 30
PLOT_HEIGHT = 260
COLOURS = "#2a6fb0", "#c2571a", "#3b8f4c", "#8a4fa3", "#a8862a", "#5c6370"
INK, FAINT = "#222", "#ddd"


def bars(title: str, rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """A bar for each row, put together of its named parts, with their sum at its end."""
    parts = list(dict.fromkeys(name for row in rows.values() for name in row))
    most = max((sum(row.values()) for row in rows.values()), default=0.0) or 1.0
    drawn = [_text(WIDTH / 2, 22, title, "middle", bold=True), *_legend(parts, TOP - 16)]
    for number, (label, row) in enumerate(rows.items()):
        y, x = TOP + number * ROW, float(LEFT)
        drawn.append(_text(LEFT - 8, y + 16, label, "end"))
        for name, value in row.items():
            width = max(value, 0.0) / most * (WIDTH - LEFT - RIGHT)
            colour = COLOURS[parts.index(name) % len(COLOURS)]
            drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 10}" fill="{colour}"/>')
            x += width
        drawn.append(_text(x + 6, y + 16, f"{sum(row.values()):,.0f} {unit}"))
    return _svg(TOP + len(rows) * ROW + 6, drawn)


def lines(title: str, series: Mapping[str, Points], across: str, up: str) -> str:
    """A line for each series over the same axis; upwards by powers of ten."""
    points = [point for each in series.values() for point in each]
    if not points:
        return _svg(TOP, [_text(WIDTH / 2, 22, title, "middle", bold=True)])
    most = max(x for x, _ in points)
    low, high = _decades(min(y for _, y in points), max(y for _, y in points))
    bottom = TOP + PLOT_HEIGHT

    def at(x: float, y: float) -> tuple[float, float]:
        height = (math.log10(max(y, 10**low)) - low) / (high - low)
        return 70 + x / most * (WIDTH - 70 - 30), bottom - height * PLOT_HEIGHT

    drawn = [_text(WIDTH / 2, 22, title, "middle", bold=True), *_legend(list(series), TOP - 16)]
    for power in range(low, high + 1):
        _, y = at(0, 10.0**power)
        drawn.append(f'<line x1="70" y1="{y:.1f}" x2="{WIDTH - 30}" y2="{y:.1f}" stroke="{FAINT}"/>')
        drawn.append(_text(64, y + 4, f"{10.0**power:g}", "end"))
    for x in sorted({x for x, _ in points}):
        drawn.append(_text(at(x, 1)[0], bottom + 18, f"{x:g}", "middle"))
    for number, each in enumerate(series.values()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in each))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        dots = (at(*point) for point in each)
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in dots]
    drawn.append(_text(WIDTH / 2, bottom + 38, across, "middle"))
    drawn.append(f'<g transform="rotate(-90 18 {bottom - 130})">{_text(18, bottom - 130, up, "middle")}</g>')
    return _svg(bottom + 50, drawn)


def _decades(least: float, most: float) -> tuple[int, int]:
    """The powers of ten below and above."""
    low, high = math.floor(math.log10(max(least, 0.01))), math.ceil(math.log10(max(most, 0.01)))
    return low, max(high, low + 1)


def _legend(names: Sequence[str], y: float) -> Iterator[str]:
    if len(names) < 2:
        return
    for number, name in enumerate(names):
        x = 70 + number * (WIDTH - 80) / len(names)
        yield f'<rect x="{x:.0f}" y="{y - 10}" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield _text(x + 17, y, name)


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'font-family="sans-serif" font-size="13" fill="{INK}">'
    )
    return "\n".join((head, '<rect width="100%" height="100%" fill="white"/>', *drawn, "</svg>\n"))
