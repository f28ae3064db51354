"""Parses bodies and inputs and submits them to engines, within the limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from framework.contracts.codec import Event
from framework.contracts.serving.replies import Limits, RefusedError
from framework.contracts.serving.surface import Operation
from framework.errors import InputError
from framework.server.engine import QueueFullError, Ticket
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel

INLINE = 4_000  # characters of a request that are tokenized in the event loop; longer requests are tokenized in a thread
THREADS = 2  # threads that tokenize long requests
DEEP = "nested too deeply"


class Dispatcher:
    """Submits inputs to the engines of models. body_bytes: bytes of all bodies that are being read or answered."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.body_bytes = 0
        self._threads = ThreadPoolExecutor(THREADS, "preparing")

    def add_body_bytes(self, size: int) -> None:
        """Adds to `body_bytes`. Raises RefusedError where all bodies together are too large."""
        self.body_bytes += size
        if self.body_bytes > self.limits.bodies:
            raise RefusedError(429, "too many bodies at once", {"Retry-After": "1"})

    def check_room(self, served: LoadedModel, inputs: int) -> None:
        """Raises RefusedError where the model's queue has no room for `inputs` inputs."""
        try:
            served.engine.check_room(inputs)
        except QueueFullError as full:
            waits = f"{served.engine.depth:,} inputs wait where {self.limits.queue:,} may"
            raise RefusedError(429, f"{waits}; try again later", {"Retry-After": str(full.seconds)}) from None

    async def submit(
        self, served: LoadedModel, inputs: Sequence[Any], operation: Operation | None, on_event: Callable[[Event], None]
    ) -> Ticket:
        """Submits inputs to the model's engine. Raises RefusedError for invalid inputs, above a limit, and for a full queue.

        operation: None: `ServedModel.answering`. on_event: called with each event of the codec, in a thread of the engine.
        """
        served.catch_up()
        operation = operation or served.answering
        if len(inputs) > self.limits.inputs:
            raise RefusedError(413, f"{len(inputs):,} inputs where {self.limits.inputs:,} are allowed; send several requests")
        characters, requests = 0, []
        for place, value in enumerate(inputs, start=1):
            characters += self._count_characters(value, operation, place)
        for place, value in enumerate(inputs, start=1):
            requests.append(_parse_input(value, operation, place))
        prepare = partial(served.engine.prepare, requests, on_event, operation.steps)
        self.check_room(served, len(inputs))
        if characters <= INLINE:
            ticket = served.engine.submit(prepare())
        else:
            with served.engine.place(len(inputs)):
                jobs = await asyncio.get_running_loop().run_in_executor(self._threads, prepare)
                ticket = served.engine.submit(jobs)
        self.metrics.set_queue(served.name, served.engine.depth)
        return ticket

    def _count_characters(self, value: Any, operation: Operation, place: int) -> int:
        """The number of characters of all strings in an input. Raises RefusedError where there are too many.

        place: number of the input in the request, from 1.
        """
        characters = sum(map(len, _strings(value)))
        if characters > self.limits.characters:
            name = f"{operation.name} {place}" if operation.numbered else f"the {operation.name}"
            raise RefusedError(413, f"{name} has {characters:,} characters; {self.limits.characters:,} are allowed")
        return characters


def call_in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Schedules a call in the event loop, from any thread; does nothing once the loop is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


def parse_json(body: bytearray, example: Any) -> Any:
    """The value of a body in JSON. Raises RefusedError for a body that is no JSON. example: a valid body, for messages."""
    try:
        return _JSON.decode(body.decode(_encoding(body)))
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        shown = json.dumps(example, ensure_ascii=False)
        raise RefusedError(400, f"the body is not JSON: {str(error)[:200]}; for example {shown}") from None
    except RecursionError:
        raise RefusedError(400, f"the body is {DEEP}") from None


def _parse_input(value: Any, operation: Operation, place: int) -> Mapping[str, Any]:
    try:
        return operation.parse(value)
    except InputError as error:
        where = f"{operation.name} {place}: " if operation.numbered else ""
        raise RefusedError(422, f"{where}{error}") from error


def _encoding(body: bytearray) -> str:
    """The encoding of a body: UTF-8, with or without a byte order mark. Raises RefusedError for UTF-16 and UTF-32."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise RefusedError(400, f"the body is {encoding[:6].upper()}; JSON is sent as UTF-8")
    return encoding


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    """All strings in a value of JSON, except keys. Raises RefusedError for deep nesting. depth: that of the value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        if depth > 20:
            raise RefusedError(422, f"an input is {DEEP}")
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)
