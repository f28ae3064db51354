"""How the metric on validation rises with the number of training rows, and what more rows would probably bring. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework import Budget, FitContext, Lines, Message, Metric, Section, Series, Table, joined, listed, message, messages
from framework_classification import Classification
from framework_classification.data import ClassificationData
from framework_classification.label_check.effect import score
from framework_classification.label_check.out_of_fold import FixedFeatures
from framework_classification.label_check.section import SHARE

PARTS = (1 / 8, 1 / 4, 1 / 2)  # of the training rows, beside all of them
LEAST = 2  # training rows a class, on average, of the smallest part
DRAWS = 1000  # bootstrap samples
TAIL = 2.5  # per cent on either side of the interval
WORST = 3  # classes named
TITLE = message("What more rows would bring")


@dataclass(frozen=True)
class LearningCurve:
    """The metric on validation of a classifier over fixed features, fitted to parts of the training rows."""

    metric: str
    rows: tuple[int, ...]
    """Training rows of each part, rising; the last is all."""
    scores: tuple[float, ...]
    low: float
    """The lower end of the 95 % interval of what the last doubling of the rows brought, by the paired bootstrap over validation
    rows."""
    high: float

    @property
    def rise(self) -> float:
        """What the last doubling of the rows brought."""
        return self.scores[-1] - self.scores[-2]

    @property
    def expected(self) -> float:
        """What as many rows again would bring, if each doubling goes on removing the same share of what is missing to 1.

        The share is the mean over the doublings measured, as of an error that is a power of the number of rows (Hestness et al.
        2017, Deep Learning Scaling is Predictable, Empirically).
        """
        errors = 1 - np.array(self.scores)
        if errors[-1] <= 0 or errors.min() <= 0:
            return 0.0
        left = float((errors[-1] / errors[0]) ** (1 / (len(errors) - 1)))
        return float(errors[-1] * (1 - min(1.0, left)))


def show_learning_curve(
    data: ClassificationData, train: Table, features: FixedFeatures, context: FitContext[Classification, Any], title: str
) -> None:
    """Shows the section of the learning curve, unless rows or time are too few for it.

    train: the training rows that `features` are of. title: of the candidate that is fitted.
    """
    targets, truth = (np.asarray(data.targets(table)) for table in (train, data.splits.validation))
    curve = learning_curve(features, targets, truth, context.metric, context.seed, context.budget.share(SHARE))
    if curve is not None:
        context.show(curve_section(curve, most_wrong(features.predicted, truth, data.labels), title))


def learning_curve(
    features: FixedFeatures, targets: np.ndarray, truth: np.ndarray, metric: Metric, seed: int, budget: Budget
) -> LearningCurve | None:
    """The curve; None where the rows or the budget are too few for it.

    targets, truth: class numbers of the training and of the validation rows.
    """
    order = np.random.default_rng(seed).permutation(len(targets))
    parts = [order[: int(share * len(order))] for share in PARTS]
    parts = [part for part in parts if len(part) >= LEAST * len(np.unique(targets)) and len(np.unique(targets[part])) > 1]
    if len(parts) < 2 or budget.remaining() < features.seconds or not len(truth):
        return None
    answers = [features.fit(targets, part).predict(features.validation) for part in parts]
    answers.append(features.predicted)
    scores = tuple(score(metric.name, predicted, truth) for predicted in answers)
    low, high = _interval(metric, answers[-2], answers[-1], truth, seed)
    return LearningCurve(metric.name, (*map(len, parts), len(targets)), scores, low, high)


def _interval(metric: Metric, before: np.ndarray, after: np.ndarray, truth: np.ndarray, seed: int) -> tuple[float, float]:
    random, differences = np.random.default_rng(seed), np.empty(DRAWS)
    for draw in range(DRAWS):
        drawn = random.integers(len(truth), size=len(truth))
        differences[draw] = score(metric.name, after[drawn], truth[drawn]) - score(metric.name, before[drawn], truth[drawn])
    low, high = np.percentile(differences, [TAIL, 100 - TAIL])
    return float(low), float(high)


def curve_section(curve: LearningCurve, wrong: Sequence[str], title: str) -> Section:
    """A table and a chart of the curve, and what more rows would bring.

    wrong: the labels with the most wrong answers on validation, the worst first. title: of the candidate that was fitted.
    """
    rows = [(f"{count:,}", f"{value:.4f}") for count, value in zip(curve.rows, curve.scores, strict=True)]
    points = Series(curve.metric, [round(value, 4) for value in curve.scores], [float(count) for count in curve.rows])
    chart = Lines(message("Metric on validation by training rows"), message("training rows"), curve.metric, [points])
    note = joined([_what_was_seen(curve, title), *_what_to_expect(curve, wrong)])
    return Section(TITLE, (*messages("training rows"), curve.metric), rows, note, charts=(chart,))


def _what_was_seen(curve: LearningCurve, title: str) -> Message:
    return message(
        "From {half:,} to {all:,} training rows, {metric} on validation changes by {rise:+.4f} (95 % interval {low:+.4f} to "
        "{high:+.4f}), measured with {title}.",
        half=curve.rows[-2],
        all=curve.rows[-1],
        metric=curve.metric,
        rise=curve.rise,
        low=curve.low,
        high=curve.high,
        title=title,
    )


def _what_to_expect(curve: LearningCurve, wrong: Sequence[str]) -> list[Message]:
    if curve.low <= 0:
        return [message("That is within chance: more rows like these would probably bring little.")]
    expected = message(
        "If it goes on like this, {rows:,} more rows like these would bring about {gain:.1f} points.",
        rows=curve.rows[-1],
        gain=100 * curve.expected,
    )
    if not wrong:
        return [expected]
    return [expected, message("Labels of {labels} would help most: most wrong answers are theirs.", labels=listed(wrong))]


def most_wrong(predicted: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> list[str]:
    """The labels of the most rows that are answered wrongly, the worst first, at most `WORST`.

    predicted, truth: (rows,) class numbers, positions in `labels`.
    """
    counts = np.bincount(truth[predicted != truth], minlength=len(labels))
    return [labels[i] for i in np.argsort(-counts, kind="stable")[:WORST] if counts[i] > 1]
