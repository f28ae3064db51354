"""Judges fitted candidates on the validation rows, and how surely a difference between two is more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.contracts.task import Answers, Decomposes
from framework.evaluation.comparison.bootstrap import judge_again, resample
from framework.evaluation.judge import answers_to
from framework.evaluation.opened import Opened
from framework.export.variants import rows_to_answer
from framework.plugins import AnyTask
from framework.runtime.scheduler import Scheduler

DRAWS = 1000  # bootstrap samples
LEAST, SECONDS = 50, 5.0  # samples at least, and seconds after which no more are drawn, where metrics do not decompose


@dataclass(frozen=True)
class Scored:
    """The metric of a fitted candidate on the validation rows."""

    score: float
    samples: np.ndarray
    """(draws,): the metric on samples of the rows, the same samples for all candidates of a run."""


def score(task: AnyTask, metric: Metric, candidate: Opened, validation: Table, seed: int) -> Scored:
    """Judges a candidate on the validation rows that are answered before any export. seed: the run's."""
    stateful = any(graph.state for graph in candidate.graphs)
    rows = rows_to_answer(validation, seed, stateful=stateful)
    scheduler = Scheduler(candidate.codec(), candidate.judged_backend(), candidate.graphs)
    answers = answers_to(task, scheduler, rows)
    value = task.evaluate(answers, rows).metrics[metric.name]
    return Scored(value, _samples(task, metric.name, answers, rows, seed))


def _samples(task: AnyTask, metric: str, answers: Answers, rows: Table, seed: int) -> np.ndarray:
    contributions = task.contributions(answers, rows) if isinstance(task, Decomposes) else None
    if contributions is not None:
        [samples] = resample([contributions], np.arange(len(rows)), DRAWS, seed)
        return samples.metrics[metric]

    def judge(drawn: np.ndarray) -> Mapping[str, float]:
        numbers = drawn.tolist()
        responses = [answers.responses[number] for number in numbers]
        scores = [answers.scores[number] for number in numbers] if answers.scores else ()
        return task.evaluate(Answers(answers.codec, responses, scores), rows.take(numbers)).metrics

    [samples_by_metric] = judge_again([judge], len(rows), DRAWS, seed, SECONDS, LEAST)
    return samples_by_metric[metric]


def spread_of_difference(one: np.ndarray, other: np.ndarray) -> float:
    """The standard error of the difference of two candidates, from their metric on the same samples (the paired bootstrap)."""
    draws = min(len(one), len(other))
    return float(np.std(one[:draws] - other[:draws]))
