"""Batching by itself: what runs together, what is dropped, what waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.contracts.codec import Call, Event, Interface, Steps
from framework.contracts.graph import Graph, Request, Response, Tensor, Tensors
from framework.runtime.scheduler import Scheduler
from framework.server.engine import Engine, QueueFullError

GRAPH = Graph("sum", (Tensor("numbers", "int64", ("batch", "length")),), (Tensor("total", "int64", ("batch",)),), {}, {})


class Sum:
    """A codec: numbers in, their sum out, by way of `rounds` calls and an event after each.

    After 13 it asks for a graph that is not there.
    """

    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.rounds: int = settings.get("rounds", 1)

    def parse(self, request: Any) -> Request:
        return {"numbers": request}

    def start(self, request: Request) -> Steps:
        total = 0
        for _ in range(self.rounds):
            graph = "nowhere" if total == 13 else "sum"
            outputs = yield Call(graph, {"numbers": np.array([request["numbers"]], dtype=np.int64)})
            total += int(outputs["total"][0])
            yield Event({"total": total})
        return {"total": total}

    def flatten(self, response: Response) -> dict[str, str]:
        return {"total": str(response["total"])}

    def interface(self) -> Interface:
        return Interface({}, {}, [1])

    @staticmethod
    def odd_requests() -> list[Request]:
        return []


class Nobody:
    """Watches nothing."""

    def on_run(self, inputs: int, seconds: float) -> None: ...
    def on_queue(self, inputs: int) -> None: ...


class Gate:
    """A backend that records its batches and runs when it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []
        self.broken = False

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.entered.set()
        assert self.open.wait(20)
        if self.broken:
            raise RuntimeError("the device is gone")
        self.batches.append([int((row != 0).sum()) for row in feeds["numbers"]])
        return {"total": feeds["numbers"].sum(1)}


def in_loop(test: Callable[[Callable[..., Engine], Gate], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        async def whole() -> None:
            gate, engines = Gate(), []

            def engine(rounds: int = 1, queue: int = 100, wait: float = 0.0, **limits: Any) -> Engine:
                scheduler = Scheduler(Sum({"rounds": rounds}, Path()), gate, [GRAPH], **limits)
                engines.append(Engine(scheduler, asyncio.get_running_loop(), Nobody(), wait, queue))
                return engines[-1]

            try:
                await asyncio.wait_for(test(engine, gate), 30)
            finally:
                gate.open.set()
                for each in engines:
                    await asyncio.to_thread(each.close)
                    assert not each.alive()

        asyncio.run(whole())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def numbers(*lengths: int) -> list[Request]:
    return [{"numbers": [1] * length} for length in lengths]


@in_loop
async def test_what_waits_together_runs_together_by_length(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(rows=3)
    first = own.submit(own.prepare(numbers(1)))
    await asyncio.to_thread(gate.entered.wait)
    others = [own.submit(own.prepare(numbers(length))) for length in (9, 2, 8, 3, 7, 1)]
    gate.open.set()
    answers = await asyncio.gather(first.answers, *(ticket.answers for ticket in others))
    assert [answer[0]["total"] for answer in answers] == [1, 9, 2, 8, 3, 7, 1]
    assert gate.batches[0] == [1]
    assert sorted(map(sorted, gate.batches[1:])) == [[1, 2, 3], [7, 8, 9]]
    assert 9 in gate.batches[1]  # the oldest is never passed over


@in_loop
async def test_padded_elements_of_a_run_are_bounded(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(elements=20)
    gate.open.set()
    ticket = own.submit(own.prepare(numbers(10, 10, 10, 30, 4, 4, 4, 4, 4)))
    assert [answer["total"] for answer in await ticket.answers] == [10, 10, 10, 30, 4, 4, 4, 4, 4]
    assert all(len(batch) * max(batch) <= 20 or len(batch) == 1 for batch in gate.batches)


@in_loop
async def test_who_has_left_is_dropped_before_it_runs(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine()
    first = own.submit(own.prepare(numbers(1)))
    await asyncio.to_thread(gate.entered.wait)
    left, stays = own.submit(own.prepare(numbers(5, 5))), own.submit(own.prepare(numbers(4)))
    left.cancel()
    gate.open.set()
    await asyncio.gather(first.answers, stays.answers)
    assert gate.batches == [[1], [4]]
    assert not left.answers.done()


@in_loop
async def test_events_are_heard_in_order_and_none_once_who_asked_has_left(engine: Callable[..., Engine], gate: Gate) -> None:
    own, heard, paused = engine(rounds=4), list[Event](), threading.Event()

    def on_event(event: Event) -> None:
        heard.append(event)
        if len(heard) == 2:
            gate.entered.clear()
            gate.open.clear()
            paused.set()

    gate.open.set()
    left = own.submit(own.prepare(numbers(2), on_event))
    await asyncio.to_thread(paused.wait)
    await asyncio.to_thread(gate.entered.wait)  # the third run has begun
    left.cancel()
    gate.open.set()
    whole: list[Event] = []
    assert await own.submit(own.prepare(numbers(5), whole.append)).answers == [{"total": 20}]
    assert heard == [Event({"total": 2}), Event({"total": 4})]
    assert whole == [Event({"total": total}) for total in (5, 10, 15, 20)]
    assert sum(lengths.count(2) for lengths in gate.batches) == 3
    assert not left.answers.done()


@in_loop
async def test_a_full_queue_refuses_with_when_to_come_again(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(queue=3)
    own.submit(own.prepare(numbers(1)))
    await asyncio.to_thread(gate.entered.wait)
    own.submit(own.prepare(numbers(1, 1)))
    with pytest.raises(QueueFullError) as full, own.place(2):
        pass
    assert full.value.seconds >= 1
    with own.place(1), pytest.raises(QueueFullError), own.place(1):
        pass  # what is being prepared counts
    with own.place(1):
        own.submit(own.prepare(numbers(1)))


@in_loop
async def test_a_codec_of_many_calls_joins_and_leaves_a_running_batch(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(rounds=3)
    first = own.submit(own.prepare(numbers(2)))
    await asyncio.to_thread(gate.entered.wait)
    second = own.submit(own.prepare(numbers(5)))
    gate.open.set()
    assert [await first.answers, await second.answers] == [[{"total": 6}], [{"total": 15}]]
    assert len(gate.batches) == 4
    assert sorted(gate.batches[1]) == [2, 5]


@in_loop
async def test_a_backend_that_fails_fails_its_requests_alone(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine()
    gate.broken = True
    gate.open.set()
    with pytest.raises(RuntimeError, match="the device is gone"):
        await own.submit(own.prepare(numbers(1, 2))).answers
    gate.broken = False
    assert await own.submit(own.prepare(numbers(3))).answers == [{"total": 3}]


@in_loop
async def test_a_codec_that_asks_for_what_is_not_there_fails_its_own_request(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(rounds=2)
    bad, good = own.submit(own.prepare(numbers(13))), own.submit(own.prepare(numbers(12)))
    gate.open.set()
    with pytest.raises(KeyError, match="nowhere"):
        await bad.answers
    assert await good.answers == [{"total": 24}]


@in_loop
async def test_closing_answers_what_waits(engine: Callable[..., Engine], gate: Gate) -> None:
    own = engine(rows=1)
    tickets = [own.submit(own.prepare(numbers(length))) for length in (1, 2, 3)]
    closing = asyncio.ensure_future(asyncio.to_thread(own.close))
    gate.open.set()
    await closing
    assert [(await ticket.answers)[0]["total"] for ticket in tickets] == [1, 2, 3]
