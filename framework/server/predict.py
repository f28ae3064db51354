"""``POST /v1/predict``: from bytes to inputs, through the engine, to one answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from framework.errors import FrameworkError, InputError, nearest, some
from framework.graphs import Event, Steps
from framework.server.engine import QueueFullError, Ticket
from framework.server.logs import log
from framework.server.refusals import ClientLeftError, RefusedError
from framework.server.settings import Settings
from framework.server.shelf import Served, Shelf

INLINE = 4_000  # characters of a request that are tokenized in the event loop; more are in a thread, for they take long
KEYS = 50  # of a wrong body that are looked at for a hint
THREADS = 2  # that prepare long requests
DEEP = "nested too deeply"


@dataclass(frozen=True)
class Way:
    """From what stands in a body to work of an engine. name: what messages call one, before its number."""

    name: str
    parse: Callable[[Any], Mapping[str, Any]]
    steps: Callable[[Mapping[str, Any]], Steps]

    def understood(self, one: Any, name: str) -> Mapping[str, Any]:
        try:
            return self.parse(one)
        except InputError as error:
            raise RefusedError(422, f"{name}: {error}") from error


def catch_up(served: Served) -> None:
    """Takes in what was added to the model, by whichever process. Raises RefusedError where it cannot be read."""
    try:
        served.model.catch_up()
    except FrameworkError as error:
        log("additions cannot be read", logging.ERROR, model=served.name, error=str(error))
        raise RefusedError(503, f"what was added to {served.name} cannot be read; the server's log says why") from error


class Predictor:
    """Answers for the models of a shelf."""

    def __init__(self, shelf: Shelf, settings: Settings) -> None:
        self.shelf, self.limits, self.log_texts = shelf, settings.limits, settings.log_texts
        self._threads = ThreadPoolExecutor(THREADS, "preparing")
        self._held = 0  # bytes of bodies being read or answered

    async def answer(self, request: Request, served: Served) -> Response:
        predictions = await self.predictions(request, served, lambda body: self._inputs(served, body))
        return JSONResponse({"model": served.name, "version": served.version, "predictions": predictions})

    async def predictions(
        self, request: Request, served: Served, inputs_of: Callable[[bytearray], list[Any]], way: Way | None = None
    ) -> list[dict[str, Any]]:
        """What becomes of what stands in the body. way: None: answers to it."""
        said = request.scope["said"]
        said |= {"model": served.name, "version": served.version}
        seconds = self.limits.seconds
        until = asyncio.get_running_loop().time() + seconds
        served.users += 1
        try:
            with self._place(served, 1):
                pass  # where the queue is full no body is read
            async with self.body(request, until) as body, asyncio.timeout_at(until) as clock:
                inputs = inputs_of(body)
                said["inputs"] = len(inputs)
                if self.log_texts:
                    said["texts"] = inputs
                ticket = await self.submit(served, inputs, alive(clock, seconds), way)
                return await answered(request, ticket)
        except TimeoutError:
            raise RefusedError(504, f"no answer within {seconds:g} s; send fewer inputs, or try later") from None
        finally:
            served.users -= 1

    @asynccontextmanager
    async def body(self, request: Request, until: float) -> AsyncIterator[bytearray]:
        """The body of a request, which must be complete by then, in the time of the loop. What is held of all is bounded."""
        body = bytearray()
        try:
            async with asyncio.timeout_at(until):
                await self._read(request, body)
        except TimeoutError:
            self._held -= len(body)
            late = f"the body was not complete after {self.limits.seconds:g} s"
            raise RefusedError(408, late, {"Connection": "close"}) from None
        except BaseException:
            self._held -= len(body)
            raise
        try:
            yield body
        finally:
            self._held -= len(body)

    async def _read(self, request: Request, body: bytearray) -> None:
        """Appends the body; the caller gives back what is held."""
        too_large = RefusedError(413, f"the body may have {self.limits.body:,} bytes; send several requests")
        if int(request.headers.get("content-length") or 0) > self.limits.body:
            raise too_large
        async for part in request.stream():
            body += part
            self._held += len(part)
            if len(body) > self.limits.body:
                raise too_large
            if self._held > self.limits.bodies:
                raise RefusedError(429, "too many bodies at once", {"Retry-After": "1"})

    def _inputs(self, served: Served, body: bytearray) -> list[Any]:
        given = parsed(body, _example(served))
        if not isinstance(given, dict) or "inputs" not in given:
            has = f"; {nearest('inputs', list(given)[:KEYS], 'it has')}" if isinstance(given, dict) else ""
            raise RefusedError(422, f"the body is an object with the key inputs{has}; for example {_example(served)}")
        if unknown := given.keys() - {"inputs"}:
            raise RefusedError(422, f"the body has only the key inputs, not {some(sorted(unknown))}")
        inputs = given["inputs"] if isinstance(given["inputs"], list) else [given["inputs"]]
        if not inputs:
            raise RefusedError(422, f"inputs is empty; for example {_example(served)}")
        if len(inputs) > self.limits.inputs:
            raise RefusedError(413, f"{len(inputs):,} inputs where {self.limits.inputs:,} are allowed; send several requests")
        return inputs

    def _characters(self, one: Any, name: str) -> int:
        """Of all strings in an input. Raises RefusedError where there are too many, or strings but all of them blank."""
        strings = list(_strings(one))
        characters = sum(map(len, strings))
        if characters > self.limits.characters:
            raise RefusedError(413, f"{name} has {characters:,} characters; {self.limits.characters:,} are allowed")
        if strings and not any(text.strip() for text in strings):
            raise RefusedError(422, f"{name} is empty")
        return characters

    @contextmanager
    def _place(self, served: Served, inputs: int) -> Iterator[None]:
        try:
            with served.engine.place(inputs):
                yield
        except QueueFullError as full:
            waits = f"{served.engine.depth:,} inputs wait where {self.limits.queue:,} may"
            raise RefusedError(429, f"{waits}; try again later", {"Retry-After": str(full.seconds)}) from None

    async def submit(
        self,
        served: Served,
        inputs: Sequence[Any],
        hear: Callable[[Event], None] | None = None,
        way: Way | None = None,
    ) -> Ticket:
        """Puts inputs before the engine. Raises RefusedError for one that the model does not take, and when the queue is full.

        hear: told each event of the codec, in a thread of the engine.
        """
        catch_up(served)
        way = way or Way("input", served.model.parse, served.model.codec.start)
        names = [f"{way.name} {number}" for number in range(1, len(inputs) + 1)]
        characters = sum(map(self._characters, inputs, names))
        requests = list(map(way.understood, inputs, names))
        prepare = partial(served.engine.prepare, requests, hear, way.steps)
        with self._place(served, len(inputs)):
            if characters <= INLINE:
                jobs = prepare()
            else:
                jobs = await asyncio.get_running_loop().run_in_executor(self._threads, prepare)
            ticket = served.engine.submit(jobs)
        self.shelf.metrics.queued(served.name, served.engine.depth)
        return ticket


def alive(clock: asyncio.Timeout, seconds: float) -> Callable[[Event], None]:
    """Each event is a sign of life after which the time limit begins again: long texts are written token by token."""
    loop = asyncio.get_running_loop()

    def again() -> None:
        with suppress(RuntimeError):  # the limit is no longer in force
            clock.reschedule(loop.time() + seconds)

    return lambda _: tell(loop, again)


def tell(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Has the loop do it soon; from any thread."""
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(what)


async def answered(request: Request, ticket: Ticket) -> list[Any]:
    """The answers, unless the client leaves first or time runs out: then what has not run never will."""
    leaving = asyncio.ensure_future(_left(request))
    leaving.add_done_callback(lambda _: None if ticket.answers.done() else ticket.answers.set_exception(ClientLeftError()))
    try:
        return await ticket.answers
    finally:
        ticket.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def parsed(body: bytearray, example: str) -> Any:
    """The JSON of a body. example: one that works, for messages."""
    try:
        return _JSON.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {str(error)[:200]}; for example {example}") from None
    except RecursionError:
        raise RefusedError(400, f"the body is {DEEP}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _example(served: Served) -> str:
    return json.dumps({"inputs": [served.interface.example]}, ensure_ascii=False)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        if depth > 20:
            raise RefusedError(422, f"an input is {DEEP}")
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)
