"""Answers rows with a model and lets the task judge the answers, for candidates, exported files and artifacts alike."""

from __future__ import annotations

from framework.contracts.codec import Codec
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Evaluation
from framework.contracts.graph import Request
from framework.contracts.task import Answers
from framework.errors import InputError
from framework.evaluation.scoring import answer_and_score
from framework.plugins import AnyTask
from framework.runtime.scheduler import Scheduler


def requests_of(task: AnyTask, codec: Codec, rows: Table) -> list[Request]:
    """The rows as requests that the codec has parsed, as in a server, with `Interface.deterministic_overrides`.

    Raises InputError naming a row that the codec refuses.
    """
    overrides = codec.interface().deterministic_overrides
    requests: list[Request] = []
    for row, request in enumerate(task.requests(rows)):
        try:
            requests.append({**overrides, **codec.parse(request)})
        except InputError as error:
            raise InputError(f"{rows.where(row)}: {error}") from error
    return requests


def judge(task: AnyTask, scheduler: Scheduler, rows: Table) -> Evaluation:
    """The task's evaluation of a model's answers to rows."""
    return task.evaluate(answers_to(task, scheduler, rows), rows)


def answers_to(task: AnyTask, scheduler: Scheduler, rows: Table) -> Answers:
    """A model's responses to rows, and its scores of the targets of these rows. Raises InputError as `requests_of`."""
    requests = requests_of(task, scheduler.codec, rows)
    responses, scores = answer_and_score(scheduler, requests, task.targets(rows))
    return Answers(scheduler.codec, responses, scores)
