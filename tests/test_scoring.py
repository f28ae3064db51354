"""Rows are answered and their given answers scored in one go: the steps of both, one after the other, over one state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework import Answers, Call, Event, Request, Steps, Tensors
from framework.evaluation.scoring import answer_and_score
from framework.runtime.scheduler import Scheduler
from tests.test_state import GRAPH


class Recording:
    """For each row of a run its ids and how long its state was."""

    def __init__(self) -> None:
        self.runs: list[tuple[list[int], int]] = []

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.runs += zip(feeds["ids"].tolist(), feeds["mask"].sum(1).tolist(), strict=True)
        return {"more": np.ones((*feeds["ids"].shape, 2), np.float32)}


def run(*ids: int, **how: Any) -> Call:
    return Call("decoder", {"ids": np.array([ids])}, **how)


class Codec:
    """Both sides are calls; an answer also says something on its way."""

    def __init__(self, scored: list[Call], said: list[Call]) -> None:
        self.scored, self.said = scored, said

    def start(self, request: Request) -> Steps:
        for call in self.said:
            yield call
            yield Event({"token": 0})
        return {"answer": request["text"]}

    def score(self, request: Request, targets: dict[str, str]) -> Steps:
        for call in self.scored:
            _: Tensors = yield call
        return {"nats": 1.0}


PROMPT, SCORED, SAID = ([1, 2], 0), ([3, 3, 3], 2), [([4], 2), ([5], 3)]
BEGIN, ASK, SAY = run(1, 2, begins=True), run(3, 3, 3), [run(4), run(5)]


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (Codec([BEGIN, ASK], [BEGIN, *SAY]), [PROMPT, SCORED, *SAID]),
        (Codec([run(1, 2), ASK], [run(1, 2), *SAY]), [PROMPT, SCORED, *SAID]),  # neither says that it begins
        (Codec([run(1, 7), ASK], [run(1, 2), *SAY]), [([1, 7], 0), SCORED, PROMPT, *SAID]),
        (Codec([BEGIN, run(6, begins=True)], [BEGIN, *SAY]), [PROMPT, ([6], 0), PROMPT, *SAID]),  # another state began
        (Codec([BEGIN, run(6, parents=[0])], [BEGIN, *SAY]), [PROMPT, ([6], 2), PROMPT, *SAID]),  # rows branched
        (Codec([], [run(1, 2), *SAY]), [PROMPT, *SAID]),
    ],
)
def test_what_both_begin_with_is_run_once_and_neither_goes_on_from_the_others_state(codec: Any, expected: Any) -> None:
    backend, answered = Recording(), []
    scheduler = Scheduler(codec, backend, [GRAPH], answered=lambda: answered.append(len(backend.runs)))
    answers = Answers(codec, *answer_and_score(scheduler, [{"text": text} for text in "abc"], [{}] * 3))
    assert answers.merged() == [{"answer": text, "nats": 1.0} for text in "abc"]
    assert backend.runs == [run for run in expected for _ in range(3)]
    assert answered == [len(backend.runs)] * 3
