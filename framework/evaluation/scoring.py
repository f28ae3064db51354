"""Scores the targets of rows with a model, beside the model's own answers: how likely the targets are according to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from framework.contracts.codec import Call, Scores, Steps
from framework.contracts.graph import Request, Response, Tensors
from framework.runtime.scheduler import Scheduler


def answer_and_score(
    scheduler: Scheduler, requests: Sequence[Request], targets: Sequence[Mapping[str, str]]
) -> tuple[list[Response], list[Response]]:
    """The response to each request and, if the codec is `Scores`, the scores of each request's targets; otherwise no scores.

    targets: by role, for each request. The first calls, as far as answering and scoring have them in common, run once.
    """
    if not isinstance(scheduler.codec, Scores):
        return scheduler.answer(requests), []
    pairs = scheduler.complete(answering_and_scoring(scheduler, requests, targets))
    return [pair["response"] for pair in pairs], [pair["scores"] for pair in pairs]


def scores_of(scheduler: Scheduler, requests: Sequence[Request], targets: Sequence[Mapping[str, str]]) -> list[Response]:
    """The scores of each request's targets; empty unless the codec is `Scores`. targets: by role, for each request."""
    codec = scheduler.codec
    if not isinstance(codec, Scores):
        return []
    return scheduler.complete([codec.score(*pair) for pair in zip(requests, targets, strict=True)])


def answering_and_scoring(
    scheduler: Scheduler, requests: Sequence[Request], targets: Sequence[Mapping[str, str]]
) -> list[Steps]:
    """For each request the steps that return its ``response`` and its ``scores``. The codec must be `Scores`."""
    codec = scheduler.codec
    assert isinstance(codec, Scores)
    with_state = {name for name, graph in scheduler.graphs.items() if graph.state}
    return [
        _score_then_answer(codec.score(request, target), scheduler.codec.start(request), with_state)
        for request, target in zip(requests, targets, strict=True)
    ]


def _score_then_answer(score: Steps, answer: Steps, with_state: AbstractSet[str]) -> Steps:
    """Runs the steps of scoring, then those of answering; the first calls that are equal in both run once.

    with_state: names of the graphs with state.
    """
    prefix: list[tuple[Call, Tensors]] = []
    scores = yield from _record_prefix(score, prefix, with_state)
    response = yield from _reuse_prefix(answer, prefix, with_state)
    return {"response": response, "scores": scores}


def _record_prefix(steps: Steps, prefix: list[tuple[Call, Tensors]], with_state: AbstractSet[str]) -> Steps:
    """Runs the steps, and records in `prefix` the calls and their outputs up to the first call of a graph with state.

    Empties `prefix` at the end if the state of that call is lost, because a later call began a new state or branched the rows.
    """
    outputs: Tensors | None = None
    recording, state_lost = True, False
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            if state_lost:
                prefix.clear()
            response: Response = end.value
            return response
        outputs = yield step
        if isinstance(step, Call) and recording:
            prefix.append((step, outputs))
            recording = step.graph not in with_state
        elif isinstance(step, Call):
            state_lost = state_lost or step.begins or step.parents is not None


def _reuse_prefix(steps: Steps, prefix: Sequence[tuple[Call, Tensors]], with_state: AbstractSet[str]) -> Steps:
    """Runs the steps, and answers calls from `prefix` as long as they are the same; the next call rewinds the state to the
    end of `prefix`.

    If no state was reused, the first call that runs begins a new state, because the present state is of the recorded steps.
    """
    remaining, state, first = deque(prefix), None, True
    outputs: Tensors | None = None
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            response: Response = end.value
            return response
        if isinstance(step, Call) and remaining and _is_same(step, remaining[0][0]):
            call, outputs = remaining.popleft()
            state = call.graph if call.graph in with_state else None
            continue
        if isinstance(step, Call):
            remaining.clear()
            if step.graph == state:
                step, state = replace(step, rewinds=not step.begins), None
            elif first and state is None:
                step = replace(step, begins=True)
            first = False
        outputs = yield step


def _is_same(call: Call, other: Call) -> bool:
    if (call.graph, call.begins, set(call.feeds)) != (other.graph, other.begins, set(other.feeds)):
        return False
    return all(np.array_equal(feed, other.feeds[name]) for name, feed in call.feeds.items())
