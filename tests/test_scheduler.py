"""Runs that fail: whoever shares one with a bad call goes on, from the state that it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from framework import Call, Graph, State, Tensor
from framework.contracts.codec import Steps
from framework.contracts.graph import Tensors
from framework.runtime.jobs import Job
from framework.runtime.scheduler import RunFailedError, Scheduler

GRAPH = Graph(
    "decoder",
    inputs=(Tensor("ids", "float32", ("batch", "new")), Tensor("mask", "int64", ("batch", "past")),
            Tensor("cache", "float32", ("batch", "past"))),
    outputs=(Tensor("total", "float32", ("batch",)), Tensor("more", "float32", ("batch", "new"))),
    axes={"new": (1, 9), "past": (0, 99)},
    tolerance={},
    state=(State("cache", "mask", "more"),),
)  # fmt: skip
BAD = 13.0


class Adding:
    """The sum of all that a row has been fed; a run with 13 in it fails."""

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        if (feeds["ids"] == BAD).any():
            raise RuntimeError("thirteen")
        return {"total": feeds["ids"].sum(1) + feeds["cache"].sum(1), "more": feeds["ids"]}


def feeding(*calls: tuple[Sequence[float], Sequence[int] | None, bool]) -> Steps:
    """calls: a number for each row, the rows that they go on from, and whether they rewind."""
    totals: list[list[float]] = []
    for numbers, parents, rewinds in calls:
        ids = np.array(numbers, np.float32)[:, None]
        outputs = yield Call("decoder", {"ids": ids}, parents=parents, rewinds=rewinds)
        totals.append(outputs["total"].tolist())
    return {"totals": totals}


def plain(*numbers: float) -> Steps:
    return feeding(*(([number], None, False) for number in numbers))


def scheduler() -> Scheduler:
    codec: Any = None
    return Scheduler(codec, Adding(), [GRAPH])


def answers(scheduler: Scheduler, generators: Sequence[Steps]) -> list[Any]:
    """As an engine does it: all that wait run together."""
    jobs = [scheduler.begin(steps) for steps in generators]
    errors: dict[int, Exception] = {}

    def waiting() -> list[Job]:
        return [job for job in jobs if job.call is not None and id(job) not in errors]

    while batch := waiting():
        for job, outcome in zip(batch, scheduler.run_each(batch), strict=True):
            if isinstance(outcome, Exception):
                errors[id(job)] = outcome
            else:
                scheduler.advance(job, outcome)
    return [errors.get(id(job)) or (job.response or {})["totals"] for job in jobs]


@pytest.mark.parametrize("turn", range(4))
def test_neighbours_of_a_bad_row_go_on_from_unchanged_state(turn: int) -> None:
    """They began, appended, branched with rows let go, or rewound in the run that failed."""
    bad = [1.0, 2.0, 3.0, 4.0]
    bad[turn] = BAD
    branching = (
        ([1, 2, 3], None, False), ([10, 20, 30], None, False),
        ([100, 200, 300], [2, 2, 0], False), ([0, 0, 0], [1, 2, 0], False),
    )  # fmt: skip
    rewinding = (([5], None, False), ([6], None, False), ([7], None, True), ([8], None, False))
    found = answers(scheduler(), [plain(1, 2, 3, 4), plain(*bad), feeding(*branching), feeding(*rewinding)])
    assert found[0] == [[1], [3], [6], [10]]
    assert isinstance(found[1], RuntimeError)
    assert found[2] == [[1, 2, 3], [11, 22, 33], [133, 233, 311], [233, 311, 133]]
    assert found[3] == [[5], [11], [12], [20]]


def test_answers_of_many_name_the_one_that_fails() -> None:
    with pytest.raises(RunFailedError, match=r"^request 2: the model cannot be run on it: RuntimeError: thirteen$"):
        scheduler().complete([plain(1, 2), plain(3, BAD), plain(4, 5)])


def test_what_only_runs_of_several_raise_is_not_laid_on_any() -> None:
    class Alone(Adding):
        def run(self, graph: str, feeds: Tensors) -> Tensors:
            if len(feeds["ids"]) > 1:
                raise MemoryError("two are too many")
            return super().run(graph, feeds)

    codec: Any = None
    frail = Scheduler(codec, Alone(), [GRAPH])
    assert answers(frail, [plain(1, 2), plain(3, 4)]) == [[[1], [3]], [[3], [7]]]
    with pytest.raises(MemoryError):
        frail.complete([plain(1, 2), plain(3, 4)])
