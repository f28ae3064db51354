"""What a model says of the answers that rows hold, beside its own: how likely they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.contracts import Task
from framework.data.table import Table
from framework.graphs import Response
from framework.runtime.scheduler import Scheduler


def score_rows(task: Task, scheduler: Scheduler, table: Table) -> list[Response]:
    """For each row; nothing where the task has no scores."""
    if not task.scores:
        return [{} for _ in range(len(table))]
    codec: Any = scheduler.codec
    pairs = zip(task.requests(table), task.targets(table), strict=True)
    return scheduler.complete([codec.score(codec.parse(request), targets) for request, targets in pairs])


def merged(responses: Sequence[Response], scored: Sequence[Response]) -> list[Response]:
    return [{**response, **score} for response, score in zip(responses, scored, strict=True)]
