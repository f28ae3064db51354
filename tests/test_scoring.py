"""Rows are answered and their given answers scored in one go: the steps of both, one after the other, over one state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from framework import Call, Event, Request, Steps, Table, Tensors
from framework.runtime.scheduler import Scheduler
from framework.scoring import judge_rows
from tests.test_state import GRAPH

ROWS = Table({"text": ["a", "b", "c"]}, lines=(1, 2, 3))
TASK: Any = SimpleNamespace(scores=True, targets=lambda table: [{} for _ in table.lines])


class Recording:
    """For each row of a run its ids and how long its state was."""

    def __init__(self) -> None:
        self.runs: list[tuple[list[int], int]] = []

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.runs += zip(feeds["ids"].tolist(), feeds["mask"].sum(1).tolist(), strict=True)
        return {"more": np.ones((*feeds["ids"].shape, 2), np.float32)}


class Codec:
    """Both read a prompt, and then different tokens; `begins`: whether the first call says that it does."""

    def __init__(self, *, begins: bool, scored: tuple[int, ...] = (1, 2)) -> None:
        self.begins, self.scored = begins, scored

    def start(self, request: Request) -> Steps:
        yield self.call(1, 2, begins=self.begins)
        yield Event({"token": 4})
        yield self.call(4)
        yield self.call(5)
        return {"answer": request["text"]}

    def score(self, request: Request, targets: dict[str, str]) -> Steps:
        yield self.call(*self.scored, begins=self.begins)
        yield self.call(3, 3, 3)
        return {"nats": 1.0}

    @staticmethod
    def call(*ids: int, begins: bool = False) -> Call:
        return Call("decoder", {"ids": np.array([ids])}, begins=begins)


SCORED, SAID = [([1, 2], 0), ([3, 3, 3], 2)], [([4], 2), ([5], 3)]


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (Codec(begins=True), [*SCORED, *SAID]),
        (Codec(begins=False), [*SCORED, ([1, 2], 0), *SAID]),
        (Codec(begins=True, scored=(1, 7)), [([1, 7], 0), ([3, 3, 3], 2), ([1, 2], 0), *SAID]),
    ],
)
def test_what_both_begin_with_is_run_once_and_neither_goes_on_from_the_others_state(codec: Any, expected: Any) -> None:
    backend = Recording()
    found = judge_rows(TASK, Scheduler(codec, backend, [GRAPH]), [{"text": text} for text in "abc"], ROWS)
    assert found == [{"answer": text, "nats": 1.0} for text in "abc"]
    assert backend.runs == [run for run in expected for _ in range(3)]
