"""What a model says of the answers that rows hold, beside its own: how likely they are."""

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
    """The response to each request, and where the codec has `Scores` what it says of the targets of each; else nothing.

    Calls that both begin with are run once.
    """
    if not isinstance(scheduler.codec, Scores):
        return scheduler.answer(requests), []
    pairs = scheduler.complete(answering_and_scoring(scheduler, requests, targets))
    return [pair["response"] for pair in pairs], [pair["scores"] for pair in pairs]


def scores_of(scheduler: Scheduler, requests: Sequence[Request], targets: Sequence[Mapping[str, str]]) -> list[Response]:
    """For each request; nothing where the codec has no scores."""
    codec = scheduler.codec
    if not isinstance(codec, Scores):
        return []
    return scheduler.complete([codec.score(*pair) for pair in zip(requests, targets, strict=True)])


def answering_and_scoring(
    scheduler: Scheduler, requests: Sequence[Request], targets: Sequence[Mapping[str, str]]
) -> list[Steps]:
    """Steps for each request, which return its ``response`` and its ``scores``. The codec has `Scores`."""
    codec = scheduler.codec
    assert isinstance(codec, Scores)
    held = {name for name, graph in scheduler.graphs.items() if graph.state}
    pairs = zip(requests, targets, strict=True)
    return [_judged(codec.score(request, wanted), scheduler.codec.start(request), held) for request, wanted in pairs]


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
