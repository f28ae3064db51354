"""What a model says of the answers that rows hold, beside its own: how likely they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import numpy as np

from framework.contracts.codec import Call, Steps
from framework.contracts.graph import Request, Response, Tensors
from framework.contracts.table import Table
from framework.contracts.task import Task
from framework.runtime.scheduler import Scheduler


def judge_rows(task: Task, scheduler: Scheduler, requests: Sequence[Request], table: Table) -> list[Response]:
    """The response to each row of a table, whose requests these are; with it, where the task has scores, these."""
    if not task.scores:
        return scheduler.answer(requests)
    found = scheduler.complete(judging(task, scheduler, requests, table))
    return merged([one["response"] for one in found], [one["scores"] for one in found])


def score_rows(task: Task, scheduler: Scheduler, table: Table) -> list[Response]:
    """For each row; nothing where the task has no scores."""
    if not task.scores:
        return [{} for _ in range(len(table))]
    codec: Any = scheduler.codec
    pairs = zip(task.requests(table), task.targets(table), strict=True)
    return scheduler.complete([codec.score(codec.parse(request), targets) for request, targets in pairs])


def merged(responses: Sequence[Response], scored: Sequence[Response]) -> list[Response]:
    return [{**response, **score} for response, score in zip(responses, scored, strict=True)]


def judging(task: Task, scheduler: Scheduler, requests: Sequence[Request], table: Table) -> list[Steps]:
    """Steps for each row of a table, whose requests these are; they return its ``response`` and its ``scores``."""
    codec: Any = scheduler.codec
    held = {name for name, graph in scheduler.graphs.items() if graph.state}
    pairs = zip(requests, task.targets(table), strict=True)
    return [_judged(codec.score(request, targets), codec.start(request), held) for request, targets in pairs]


def _judged(score: Steps, answer: Steps, held: AbstractSet[str]) -> Steps:
    """One after the other; what both begin with is run once. held: graphs with state."""
    begun: list[tuple[Call, Tensors]] = []
    scores = yield from _noting(score, begun, held)
    response = yield from _repeating(answer, begun, held)
    return {"response": response, "scores": scores}


def _noting(steps: Steps, begun: list[tuple[Call, Tensors]], held: AbstractSet[str]) -> Steps:
    """Fills `begun` with the calls up to the first of a graph with state, and their outputs; with nothing if that state is gone
    at the end, because another began or its rows branched.
    """
    outputs: Tensors | None = None
    noting, gone = True, False
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            if gone:
                begun.clear()
            response: Response = end.value
            return response
        outputs = yield step
        if isinstance(step, Call) and noting:
            begun.append((step, outputs))
            noting = step.graph not in held
        elif isinstance(step, Call):
            gone = gone or step.begins or step.parents is not None


def _repeating(steps: Steps, begun: Sequence[tuple[Call, Tensors]], held: AbstractSet[str]) -> Steps:
    """Calls that were run already are answered with their outputs, as long as each is the same; the next goes on from there.

    Where there is no state to go back to, the first that is run begins anew, whether it says so or not: what is there is not
    its own.
    """
    left, state, first = deque(begun), None, True
    outputs: Tensors | None = None
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            response: Response = end.value
            return response
        if isinstance(step, Call) and left and _same(step, left[0][0]):
            call, outputs = left.popleft()
            state = call.graph if call.graph in held else None
            continue
        if isinstance(step, Call):
            left.clear()
            if step.graph == state:
                step, state = replace(step, rewinds=not step.begins), None
            elif first and state is None:
                step = replace(step, begins=True)
            first = False
        outputs = yield step


def _same(one: Call, other: Call) -> bool:
    if (one.graph, one.begins, set(one.feeds)) != (other.graph, other.begins, set(other.feeds)):
        return False
    return all(np.array_equal(feed, other.feeds[name]) for name, feed in one.feeds.items())
