"""Several models on the same rows: the score of each, and how much worse it is than the best, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.evaluation.comparison.bootstrap import judge_again, resample
from framework.evaluation.comparison.judged import JudgedAnswers, decomposed, judge_sample
from framework.evaluation.comparison.statistics import FEWER, LEAST
from framework.plugins import AnyTask

DRAWS = 2000  # bootstrap samples of a metric that decomposes
TAIL = 2.5  # per cent on either side of a 95 % interval


@dataclass(frozen=True)
class Estimate:
    """A number measured on a sample of rows, and its 95 % interval: percentiles of the bootstrap."""

    value: float
    low: float
    high: float
    spread: float
    """Standard deviation over the bootstrap samples."""


@dataclass(frozen=True)
class Score:
    """The score of one of several models."""

    value: float
    low: float | None
    """Lower end of the 95 % interval; None: no interval could be computed, for any of the models."""
    high: float | None
    loss: Estimate | None
    """How much worse the model is than the best, 0 or more, from the paired bootstrap; None without intervals."""


def scores_of(
    task: AnyTask, table: Table, metric: Metric, sides: Sequence[JudgedAnswers], seed: int, seconds: float
) -> list[Score]:
    """The score of each side by the metric. sides: answers to the rows of the table. seed: of the samples.

    seconds: how long samples are judged anew where the metric does not decompose; without enough samples by then, there are no
    intervals.
    """
    values = [side.evaluation.metrics[metric.name] for side in sides]
    samples = _samples(task, table, metric, sides, seed, seconds)
    if len(samples[0]) < LEAST:
        return [Score(value, None, None, None) for value in values]
    best = max(range(len(sides)), key=lambda number: metric.gain(values[number], 0))
    scores = []
    for value, drawn in zip(values, samples, strict=True):
        losses = samples[best] - drawn if metric.maximize else drawn - samples[best]
        loss = Estimate(metric.gain(values[best], value), *_interval(losses), float(losses.std()))
        scores.append(Score(value, *_interval(drawn), loss))
    return scores


def _samples(
    task: AnyTask, table: Table, metric: Metric, sides: Sequence[JudgedAnswers], seed: int, seconds: float
) -> list[np.ndarray]:
    """The metric of each side on the same samples of the rows, (draws,) each."""
    contributions = decomposed(sides, metric)
    if contributions is not None:
        return [drawn.metrics[metric.name] for drawn in resample(contributions, np.arange(len(table)), DRAWS, seed)]
    judges = [partial(judge_sample, task, table, side) for side in sides]
    return [drawn[metric.name] for drawn in judge_again(judges, len(table), FEWER, seed, seconds, least=1)]


def _interval(samples: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(samples, [TAIL, 100 - TAIL])
    return float(low), float(high)
