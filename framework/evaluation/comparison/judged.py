"""The answers of one model to labelled rows, judged so that bootstrap samples of the rows can be judged too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framework.contracts.contributions import Contributions
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.task import Answers, Decomposes
from framework.errors import FrameworkError
from framework.evaluation.comparison.bootstrap import over_all
from framework.plugins import AnyTask


@dataclass(frozen=True)
class JudgedAnswers:
    """The answers of one model to the rows, and the evaluation of these answers."""

    answers: Answers
    evaluation: Evaluation
    contributions: Contributions | None
    """None where the task or these answers do not decompose."""


def judged_answers(task: AnyTask, answers: Answers, table: Table) -> JudgedAnswers:
    """Judges the answers to the rows of the table. Raises FrameworkError if the task's contributions contradict `evaluate`."""
    evaluation = task.evaluate(answers, table)
    contributions = task.contributions(answers, table) if isinstance(task, Decomposes) else None
    if contributions is not None:
        _check(task, contributions, evaluation, len(table))
    return JudgedAnswers(answers, evaluation, contributions)


def decomposed(sides: Sequence[JudgedAnswers], metric: Metric) -> list[Contributions] | None:
    """The contributions of each side; None where the metric of a side does not follow from contributions."""
    contributions = [side.contributions for side in sides if side.contributions is not None]
    computed = [metric.name in over_all(one, np.arange(len(one))).metrics for one in contributions]
    return contributions if len(contributions) == len(sides) and all(computed) else None


def judge_sample(task: AnyTask, table: Table, side: JudgedAnswers, rows: np.ndarray) -> Mapping[str, float]:
    """The metrics that the task computes on some rows. rows: row numbers, of which some may repeat."""
    answers = side.answers
    scores = [answers.scores[row] for row in rows] if answers.scores else ()
    sample = Answers(answers.codec, [answers.responses[row] for row in rows], scores)
    evaluation: Evaluation = task.evaluate(sample, table.take(rows))
    return evaluation.metrics


def _check(task: AnyTask, contributions: Contributions, evaluation: Evaluation, rows: int) -> None:
    if len(contributions) != rows:
        raise FrameworkError(f"task {task.name}: contributions of {len(contributions):,} rows, where {rows:,} were judged")
    for name, (value,) in over_all(contributions, np.arange(rows)).metrics.items():
        if not np.isclose(value, evaluation.metrics[name], rtol=1e-5, atol=1e-8):
            raise FrameworkError(
                f"task {task.name}: contributions make {name} {value}, and evaluate {evaluation.metrics[name]}"
            )
