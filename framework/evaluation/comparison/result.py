"""How two artifacts differ on the same rows: numbers, and the tables that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from framework.contracts.evaluation import Metric
from framework.contracts.section import Section
from framework.evaluation.comparison.costs import Costs
from framework.evaluation.comparison.mcnemar import McNemar
from framework.machine.disk import megabytes

Outcome = Literal["better", "worse", "undecided", "same"]


@dataclass(frozen=True)
class Side:
    """One of the two."""

    address: str
    """As it was given."""
    version: str
    variant: str
    title: str
    """Of the candidate."""
    metrics: dict[str, float]
    costs: Costs


@dataclass(frozen=True)
class Difference:
    """One number of A and of B: of a metric, a class or a slice."""

    name: str
    a: float
    b: float
    low: float | None = None
    """End of the interval of B - A, where there is one."""
    high: float | None = None
    spread: float | None = None
    """Standard deviation of the difference over the samples."""

    @property
    def difference(self) -> float:
        return self.b - self.a


@dataclass(frozen=True)
class Part:
    """The rows of a class or of a slice."""

    rows: int | None
    """Of a slice."""
    score: Difference
    test: McNemar | None
    p: float | None
    """Of the test, as it counts among those of all parts (Holm)."""
    regressed: bool
    """Whether A is right significantly more often than B."""


@dataclass(frozen=True)
class Comparison:
    """Of artifact B with artifact A. Differences are B - A."""

    a: Side
    b: Side
    source: str
    rows: int
    notes: tuple[str, ...]
    metric: Metric
    confidence: float
    """Of the intervals, such as 0.95; 1 - confidence is the level of the tests."""
    method: str
    """How the intervals came about, in words."""
    differences: tuple[Difference, ...]
    """Of every metric that both have; the judged one first."""
    test: McNemar | None
    """Over all rows, where answers are right or wrong."""
    classes: tuple[Part, ...]
    """The worst for B first."""
    slices: tuple[Part, ...]
    outcome: Outcome
    """Of B."""
    verdict: str
    """The same in sentences."""

    @property
    def judged(self) -> Difference:
        return self.differences[0]

    @property
    def gain(self) -> tuple[float, float, float]:
        """How much better B is by the metric, and the ends of the interval; below 0 it is worse."""
        one = self.judged
        low, high = (one.difference if end is None else end for end in (one.low, one.high))
        return (one.difference, low, high) if self.metric.maximize else (-one.difference, -high, -low)

    def sections(self) -> list[Section]:
        parts = [_of_parts("By class, the worst for B first", self.classes), _of_parts("By slice", self.slices)]
        return [_of_metrics(self), *(part for part in parts if part.rows), _of_costs(self.a.costs, self.b.costs)]


def _of_metrics(comparison: Comparison) -> Section:
    rows = [(*_cells(one), _interval(one)) for one in comparison.differences]
    note = comparison.method
    if comparison.test is not None:
        test = comparison.test
        note += f"\nRight in A alone: {test.only_a:,} rows, in B alone: {test.only_b:,}; McNemar's exact test: p = {test.p:.2g}"
    return Section("Metrics", ("metric", "A", "B", "B - A", f"{comparison.confidence:.0%} interval"), rows, note)


def _of_parts(title: str, parts: Sequence[Part]) -> Section:
    rows = [
        (
            *_cells(part.score),
            _interval(part.score),
            "" if part.rows is None else f"{part.rows:,}",
            *_counts(part),
            "worse" if part.regressed else "",
        )
        for part in parts
    ]
    header = ("", "A", "B", "B - A", "interval", "rows", "A alone right", "B alone right", "p (Holm)", "")
    return Section(title, header, rows)


def _counts(part: Part) -> tuple[str, str, str]:
    if part.test is None or part.p is None:
        return "", "", ""
    return f"{part.test.only_a:,}", f"{part.test.only_b:,}", f"{part.p:.2g}"


def _of_costs(a: Costs, b: Costs) -> Section:
    rows = [
        ("one request alone", f"{a.milliseconds:.1f} ms", f"{b.milliseconds:.1f} ms"),
        ("rows a second, in batches", f"{a.per_second:,.0f}", f"{b.per_second:,.0f}"),
        ("files", megabytes(a.bytes), megabytes(b.bytes)),
    ]
    if a.memory is not None and b.memory is not None:
        rows.append(("memory of a process", megabytes(a.memory), megabytes(b.memory)))
    return Section("Costs on this machine", ("", "A", "B"), rows)


def _cells(one: Difference) -> tuple[str, str, str, str]:
    return one.name, f"{one.a:.4f}", f"{one.b:.4f}", f"{one.difference:+.4f}"


def _interval(one: Difference) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:+.4f} to {one.high:+.4f}"
