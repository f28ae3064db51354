"""The statistics of a comparison: confidence intervals by the paired bootstrap, and McNemar's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from framework.contracts.contributions import Contributions
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.evaluation.comparison.bootstrap import Samples, judge_again, over_all, resample
from framework.evaluation.comparison.judged import JudgedAnswers, decomposed, judge_sample
from framework.evaluation.comparison.mcnemar import McNemar, holm, mcnemar
from framework.evaluation.comparison.result import Difference, Part
from framework.plugins import AnyTask

FEWER, LEAST, SECONDS = 200, 50, 60.0  # samples judged anew, at most and at least; seconds after which sampling stops


@dataclass(frozen=True)
class Statistics:
    """The statistics of two models, A and B, on the rows of one table."""

    task: AnyTask
    table: Table
    metric: Metric
    sides: tuple[JudgedAnswers, JudgedAnswers]
    draws: int
    """Bootstrap samples."""
    confidence: float
    seed: int

    def differences(self) -> tuple[tuple[Difference, ...], str]:
        """The difference of each metric that both models have, that of `metric` first; and a sentence on how the intervals were
        computed.
        """
        a, b = (side.evaluation.metrics for side in self.sides)
        names = [self.metric.name, *(name for name in a if name in b and name != self.metric.name)]
        (of_a, of_b), method = self._samples
        return tuple(self._difference(name, a[name], b[name], of_a, of_b) for name in names), method

    def test(self) -> McNemar | None:
        """McNemar's test over all rows; None where answers are not simply right or wrong."""
        return self._test_on(self._all)

    def classes(self) -> tuple[Part, ...]:
        """The comparison on each class, the worst for B first; empty where the metric does not decompose."""
        if self._contributions is None:
            return ()
        a, b = self._contributions
        scores_a, scores_b = (over_all(side, self._all).classes for side in (a, b))
        names = [name for name in a.classes if name in b.classes and name in scores_a and name in scores_b]
        of_a, of_b = (samples.classes for samples in self._resampled)
        tests = [mcnemar(a.classes[name], b.classes[name]) for name in names]
        scores = [self._difference(name, float(scores_a[name][0]), float(scores_b[name][0]), of_a, of_b) for name in names]
        parts = self._parts(scores, tests, [None] * len(names))
        return tuple(sorted(parts, key=lambda part: part.score.difference))

    def slices(self, slice_of: Sequence[str]) -> tuple[Part, ...]:
        """The comparison on each slice. slice_of: the slice of each row; empty: there are no slices."""
        names = sorted(set(slice_of))
        rows = [np.flatnonzero(np.array([value == name for value in slice_of])) for name in names]
        scores = [self._difference_on(name, members) for name, members in zip(names, rows, strict=True)]
        return tuple(self._parts(scores, [self._test_on(members) for members in rows], [len(members) for members in rows]))

    def _difference_on(self, name: str, rows: np.ndarray) -> Difference:
        """The difference of the metric on some rows; without an interval where the metric does not decompose.

        name: of the difference. rows: row numbers.
        """
        key = self.metric.name
        if self._contributions is None:
            a, b = (judge_sample(self.task, self.table, side, rows)[key] for side in self.sides)
            return Difference(name, a, b)
        a, b = (float(over_all(side, rows).metrics[key][0]) for side in self._contributions)
        of_a, of_b = resample(self._contributions, rows, self.draws, self.seed)
        return self._difference(name, a, b, {name: of_a.metrics[key]}, {name: of_b.metrics[key]})

    def _test_on(self, rows: np.ndarray) -> McNemar | None:
        rights = [side.contributions.right if side.contributions else None for side in self.sides]
        return None if rights[0] is None or rights[1] is None else mcnemar(rights[0][rows], rights[1][rows])

    def _parts(self, scores: Sequence[Difference], tests: Sequence[McNemar | None], rows: Sequence[int | None]) -> list[Part]:
        p_values = holm([test.p for test in tests if test is not None])
        if len(p_values) < len(scores):
            return [Part(count, score, None, None, False) for score, count in zip(scores, rows, strict=True)]
        return [
            Part(count, score, test, p, test is not None and p < 1 - self.confidence and test.only_a > test.only_b)
            for score, test, p, count in zip(scores, tests, p_values, rows, strict=True)
        ]

    @cached_property
    def _all(self) -> np.ndarray:
        return np.arange(len(self.table))

    @cached_property
    def _contributions(self) -> tuple[Contributions, Contributions] | None:
        """The contributions of A and B; None where the metric does not follow from contributions."""
        sides = decomposed(self.sides, self.metric)
        return None if sides is None else (sides[0], sides[1])

    @cached_property
    def _resampled(self) -> list[Samples]:
        assert self._contributions is not None
        return resample(self._contributions, self._all, self.draws, self.seed)

    @cached_property
    def _samples(self) -> tuple[list[Mapping[str, np.ndarray]], str]:
        """The metrics of A and of B on bootstrap samples, and a sentence on how they were computed."""
        method = f"{self.confidence:.0%} intervals: percentiles of the paired bootstrap"
        if self._contributions is not None:
            return [samples.metrics for samples in self._resampled], f"{method}, {self.draws:,} samples of the rows."
        judges = [partial(judge_sample, self.task, self.table, side) for side in self.sides]
        samples = judge_again(judges, len(self.table), min(self.draws, FEWER), self.seed, SECONDS, LEAST)
        count = len(samples[0][self.metric.name])
        reason = (
            f"{self.metric.name} of the task {self.task.name} is judged anew on each, for at most {FEWER} and {SECONDS:.0f} s"
        )
        return samples, f"{method}, {count:,} samples of the rows: {reason}."

    def _difference(
        self, name: str, a: float, b: float, of_a: Mapping[str, np.ndarray], of_b: Mapping[str, np.ndarray]
    ) -> Difference:
        """The difference of a metric; without an interval where a side has no samples of the metric.

        name: of the metric, class or slice. a, b: the values of A and B on the rows themselves. of_a, of_b: the values on
        bootstrap samples, (draws,) each, by name.
        """
        if name not in of_a or name not in of_b:
            return Difference(name, a, b)
        samples = of_b[name] - of_a[name]
        tail = 50 * (1 - self.confidence)
        low, high = np.percentile(samples, [tail, 100 - tail])
        return Difference(name, a, b, float(low), float(high), float(samples.std()))
