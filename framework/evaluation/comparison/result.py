"""The result of a comparison of two artifacts, and the tables that show it."""

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
    """One of the two compared artifacts."""

    address: str
    """The address as the user wrote it."""
    version: str
    variant: str
    title: str
    """The candidate's title."""
    metrics: dict[str, float]
    costs: Costs


@dataclass(frozen=True)
class Difference:
    """A metric of A and of B, over all rows, a class or a slice."""

    name: str
    a: float
    b: float
    low: float | None = None
    """Lower end of the confidence interval of B - A; None: there is no interval."""
    high: float | None = None
    """Upper end of the confidence interval of B - A."""
    spread: float | None = None
    """Standard deviation of B - A over the bootstrap samples."""

    @property
    def difference(self) -> float:
        """B - A."""
        return self.b - self.a


@dataclass(frozen=True)
class Part:
    """The comparison on one class, or on the rows of one slice."""

    rows: int | None
    """Number of rows of the slice; None for a class."""
    score: Difference
    test: McNemar | None
    """McNemar's test on the part; None where answers are not simply right or wrong."""
    p: float | None
    """p-value of the test, adjusted for the tests of all classes or slices (Holm); None without a test."""
    regressed: bool
    """Whether A is right significantly more often than B."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of artifact B with artifact A. Differences are B - A."""

    a: Side
    b: Side
    source: str
    """The file."""
    rows: int
    """The number of rows."""
    notes: tuple[str, ...]
    """What was inferred from the file and what was left out, a sentence each."""
    metric: Metric
    """The metric that decides the outcome."""
    confidence: float
    """Confidence level of the intervals, such as 0.95; 1 - confidence is the significance level of the tests."""
    method: str
    """How the intervals were computed, a sentence."""
    differences: tuple[Difference, ...]
    """One for each metric that both artifacts have, that of `metric` first."""
    test: McNemar | None
    """The test over all rows; None where answers are not simply right or wrong."""
    classes: tuple[Part, ...]
    """The worst for B first."""
    slices: tuple[Part, ...]
    outcome: Outcome
    """Whether B is better or worse than A, the rows cannot decide it, or both are the same on every sample."""
    verdict: str
    """The outcome in sentences."""

    @property
    def judged(self) -> Difference:
        """The difference of `metric`."""
        return self.differences[0]

    @property
    def gain(self) -> tuple[float, float, float]:
        """How much better B is by `metric`, and the lower and upper end of the interval; negative where B is worse. Without an
        interval, both ends are the difference.
        """
        judged = self.judged
        low, high = (judged.difference if end is None else end for end in (judged.low, judged.high))
        return (judged.difference, low, high) if self.metric.maximize else (-judged.difference, -high, -low)

    def sections(self) -> list[Section]:
        """Tables of metrics, classes, slices and costs."""
        parts = [_of_parts("By class, the worst for B first", self.classes), _of_parts("By slice", self.slices)]
        return [_of_metrics(self), *(part for part in parts if part.rows), _of_costs(self.a.costs, self.b.costs)]


def _of_metrics(comparison: Comparison) -> Section:
    rows = [(*_cells(difference), _interval(difference)) for difference in comparison.differences]
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


def _cells(score: Difference) -> tuple[str, str, str, str]:
    return score.name, f"{score.a:.4f}", f"{score.b:.4f}", f"{score.difference:+.4f}"


def _interval(score: Difference) -> str:
    return "" if score.low is None or score.high is None else f"{score.low:+.4f} to {score.high:+.4f}"
