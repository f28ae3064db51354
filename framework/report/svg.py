"""Charts as inline SVG, without scripts, fonts or files. Colours come from the page's style, for light and dark themes.

A chart is 340 units wide, the width of a phone, so that its letters are readable on every screen.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from framework.contracts.message import Message, joined, message
from framework.contracts.section import Bars, Chart, Lines

WIDTH = 340
LETTER, WIDE = 6.2, 11.0  # average width of a Latin and of a Chinese character in a label, in units
LABEL = 150  # units for the names beside bars, at most
NAMED = 16  # bars of a chart up to which their names and values are written
MARKED = 40  # points of a line up to which each is marked
KINDS = 4  # number of colours, of dashes and of marks; further series repeat them
Point = tuple[float, float]
Say = Callable[[str], str]


def svg(chart: Chart, name: str, say: Say = str) -> Markup:
    """The chart as an SVG element. name: an id, unique in the page. say: translates a message.

    Empty if the chart has no values.
    """
    if isinstance(chart, Lines):
        return _lines(chart, name, say)
    if not chart.categories:
        return Markup()
    return _named_bars(chart, name, say) if len(chart.categories) <= NAMED else _thin_bars(chart, name, say)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """The labels of ticks, all with the same number of decimals, no more than the values need. values: in ascending order."""
    steps = [after - before for before, after in pairwise(values)]
    decimals = next((d for d in range(10) if all(abs(round(v, d) - v) < 0.01 * min(steps) for v in values)), 0) if steps else 0
    return [f"{value:,.{decimals}f}" for value in values] if steps else [number(value) for value in values]


def number(value: float) -> str:
    """A number in short form, such as 1,234 or 0.05 or 12.3."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4f}".rstrip("0") if 1e-4 < abs(value) < 1 else f"{value:.3g}"


def _lines(chart: Lines, name: str, say: Say) -> Markup:
    lines = {s.name: [(x, y) for x, y in zip(s.x, s.y, strict=True) if y is not None] for s in chart.series}
    lines = {called: line for called, line in lines.items() if line}
    if not lines:
        return Markup()
    frame = _frame(chart, [point for line in lines.values() for point in line])
    parts = [*frame.grid(ticks(*frame.x), ticks(*frame.y), chart.x, chart.y)]
    if chart.diagonal:
        parts.append(f'<path class="ideal" d="{frame.path([(0, 0), (1, 1)])}"/>')
    for i, line in enumerate(lines.values()):
        parts.append(f'<path class="line s{i % KINDS}" d="{frame.path(_stairs(line) if chart.steps else line)}"/>')
        if not chart.steps and len(line) <= MARKED:
            parts += [f'<g class="mark s{i % KINDS}">{_mark(i, *frame.at(point))}</g>' for point in line]
    parts += _legend(list(lines), frame.bottom + 46)
    described = joined(
        (message("{name}: {curve}", name=called, curve=_described(line)) for called, line in lines.items()), "; "
    )
    description = say(message("{y} over {x}. {curves}", y=chart.y, x=chart.x, curves=described))
    return _svg(chart.title, description, name, frame.bottom + 54, parts)


def _frame(chart: Lines, points: Sequence[Point]) -> _Frame:
    if chart.diagonal:
        return _Frame((0, 1), (0, 1), 270)
    xs = [x for x, _ in points]
    return _Frame((min(xs), max(xs)), _room([y for _, y in points]), 170, named=bool(chart.y))


def _described(line: Sequence[Point]) -> Message:
    values = [y for _, y in line]
    first, last, lowest, highest = map(number, (values[0], values[-1], min(values), max(values)))
    return message(
        "{count} points from {first} to {last}, lowest {lowest}, highest {highest}",
        count=len(values),
        first=first,
        last=last,
        lowest=lowest,
        highest=highest,
    )


def _room(values: Sequence[float]) -> tuple[float, float]:
    """The range of the y axis: that of the values with a margin, but from zero if the smallest is below half of the largest."""
    low, high = min(values), max(values)
    if low >= 0 and low < 0.5 * high:
        low = 0
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1
    return (low if low == 0 else low - margin), high + margin


def _stairs(line: Sequence[Point]) -> list[Point]:
    """The points of a step function: each value holds until the next x."""
    corners = [line[0]]
    for (_, before), (x, y) in pairwise(line):
        corners += [(x, before), (x, y)]
    return corners


class _Frame:
    """The plotting area of a chart; maps values to coordinates in units."""

    left, right = 44.0, WIDTH - 8.0

    def __init__(self, x: Point, y: Point, height: float, *, named: bool = True) -> None:
        """x, y: ranges of the values. height: in units. named: whether the label of the y axis is above the area."""
        self.x, self.y = x, y
        self.top = 24.0 if named else 8.0
        self.bottom = self.top + height

    def at(self, point: Point) -> Point:
        (x0, x1), (y0, y1) = self.x, self.y
        across = (point[0] - x0) / ((x1 - x0) or 1)
        up = (point[1] - y0) / ((y1 - y0) or 1)
        return round(self.left + across * (self.right - self.left), 1), round(self.bottom - up * (self.bottom - self.top), 1)

    def path(self, line: Sequence[Point]) -> str:
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in map(self.at, line)) if line else ""

    def grid(self, xs: Sequence[float], ys: Sequence[float], x: str, y: str) -> Iterator[str]:
        for value, label in zip(ys, tick_labels(ys), strict=True):
            _, up = self.at((self.x[0], value))
            yield f'<path class="grid" d="M{self.left:g} {up:g}H{self.right:g}"/>'
            yield _text(self.left - 5, up + 3.5, label, "end")
        for value, label in zip(xs, tick_labels(xs), strict=True):
            across, _ = self.at((value, self.y[0]))
            anchor = "end" if across > self.right - 12 else "middle"
            yield _text(self.right if anchor == "end" else across, self.bottom + 14, label, anchor)
        yield f'<path class="axis" d="M{self.left:g} {self.bottom:g}H{self.right:g}"/>'
        yield _text((self.left + self.right) / 2, self.bottom + 30, x, "middle", "name")
        yield _text(2, 10, y, "start", "name")


def _named_bars(chart: Bars, name: str, say: Say) -> Markup:
    """A chart of horizontal bars, each with the name of the category and its value."""
    left = min(LABEL, 10 + max(map(_width, chart.categories)))
    written = {(s.name, i): say(_written(value, chart.unit)) for s in chart.series for i, value in enumerate(s.y)}
    most = max([value for s in chart.series for value in s.y if value is not None] + [0]) or 1
    space = (WIDTH - left - 8 - max(map(_width, written.values()))) / most
    thick = 17.0 if len(chart.series) == 1 else 12.0
    parts: list[str] = []
    y = 4.0
    for i, category in enumerate(chart.categories):
        faint = " faint" if category in chart.faint else ""
        parts.append(_text(left - 6, y + thick * len(chart.series) / 2 + 3, _cut(category, left), "end"))
        for j, series in enumerate(chart.series):
            long = max(space * (series.y[i] or 0), 0.8)
            parts.append(_bar(f"s{j % KINDS}{faint}", left, y, long, thick - 2))
            parts.append(_text(left + long + 4, y + thick / 2 + 2.8, written[series.name, i], "start"))
            y += thick
        y += 7
    if len(chart.series) > 1:
        parts += _legend([series.name for series in chart.series], y + 10, bars=True)
        y += 20
    descriptions = [f"{c}: " + ", ".join(f"{s.name} {written[s.name, i]}".strip() for s in chart.series)
                    for i, c in enumerate(chart.categories)]  # fmt: skip
    return _svg(chart.title, "; ".join(descriptions), name, y, parts)


def _written(value: float | None, unit: str) -> str:
    return message("none") if value is None else f"{number(value)}{unit}"


def _bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="bar {kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}"/>'


def _thin_bars(chart: Bars, name: str, say: Say) -> Markup:
    """A chart of vertical bars for the first series, without names, to show the distribution of many values."""
    series = chart.series[0]
    values = [value or 0.0 for value in series.y]
    frame = _Frame((0, len(values)), (0, max(values) * 1.06 or 1), 150)
    axis = message("{count} values in the order of the table, {name}", count=len(values), name=series.name)
    parts = [*frame.grid([], ticks(*frame.y, 4), say(axis), chart.unit)]
    for i, value in enumerate(values):
        (x, y), (end, _) = frame.at((i + 0.12, value)), frame.at((i + 0.88, value))
        parts.append(_bar("s0", x, y, end - x, frame.bottom - y))
    most = chart.categories[values.index(max(values))]
    description = message(
        "{count} values between {low} and {high} ({highest})",
        count=len(values),
        low=_written(min(values), chart.unit),
        high=_written(max(values), chart.unit),
        highest=most,
    )
    return _svg(chart.title, say(description), name, frame.bottom + 38, parts)


def _mark(i: int, x: float, y: float) -> str:
    """The mark of the i-th series; shapes differ, so that colour is not the only difference."""
    shapes = (
        f'<circle cx="{x:g}" cy="{y:g}" r="3"/>',
        f'<path d="M{x - 3:g} {y - 3:g}h6v6h-6z"/>',
        f'<path d="M{x:g} {y - 4:g}l4 7h-8z"/>',
        f'<path d="M{x:g} {y - 4:g}l4 4l-4 4l-4 -4z"/>',
    )
    return shapes[i % KINDS]


def _legend(names: Sequence[str], y: float, *, bars: bool = False) -> Iterator[str]:
    """The legend; empty for a single series, which the title names."""
    x = 6.0
    for i, name in enumerate(names if len(names) > 1 else ()):
        if bars:
            yield _bar(f"s{i % KINDS}", x + 10, y - 9, 12, 10)
        else:
            yield f'<path class="line s{i % KINDS}" d="M{x:g} {y - 4:g}h22"/>'
            yield f'<g class="mark s{i % KINDS}">{_mark(i, x + 11, y - 4)}</g>'
        yield _text(x + 27, y, name, "start")
        x += 27 + _width(name) + 12


def _width(text: str) -> float:
    """The approximate width of a text in units."""
    return sum(WIDE if unicodedata.east_asian_width(letter) in "WF" else LETTER for letter in text)


def _cut(text: str, width: float) -> str:
    """The text, cut so that it fits beside bars that begin at `width` units."""
    if _width(text) <= width - 6:
        return text
    letters = next(count for count in range(len(text), -1, -1) if _width(text[:count]) + LETTER <= width - 6)
    return f"{text[:letters]}…"


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={kind!r}" if kind else ""}>{escape(text)}</text>'


def _svg(title: str, description: str, name: str, height: float, parts: Sequence[str]) -> Markup:
    return Markup(  # noqa: S704, every text in it went through escape
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )
