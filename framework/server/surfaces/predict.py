"""``POST /v1/predict``: from bytes to inputs, through the engine, to one answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from framework.contracts.codec import Event, Steps
from framework.errors import FrameworkError, InputError, nearest, some
from framework.server.engine import QueueFullError, Ticket
from framework.server.http.bodies import read
from framework.server.http.connection import Peer
from framework.server.http.errors import ClientLeftError, Json, RefusedError
from framework.server.logs import log
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Settings

INLINE = 4_000  # characters of a request that are tokenized in the event loop; more are in a thread, for they take long
KEYS = 50  # of a wrong body that are looked at for a hint
THREADS = 2  # that prepare long requests
DEEP = "nested too deeply"


@dataclass(frozen=True)
class Operation:
    """From what stands in a body to work of an engine. name: what messages call one, before its number."""

    name: str
    parse: Callable[[Any], Mapping[str, Any]]
    steps: Callable[[Mapping[str, Any]], Steps]

    def understood(self, one: Any, name: str) -> Mapping[str, Any]:
        try:
            return self.parse(one)
        except InputError as error:
            raise RefusedError(422, f"{name}: {error}") from error


@dataclass
class Body:
    """Of a request, as far as it has come. whole: it has come."""

    content: bytearray = field(default_factory=bytearray)
    whole: bool = False


def catch_up(served: LoadedModel) -> None:
    """Takes in what was added to the model, by whichever process. Raises RefusedError where it cannot be read."""
    try:
        served.model.catch_up()
    except FrameworkError as error:
        log("additions cannot be read", logging.ERROR, model=served.name, error=str(error))
        raise RefusedError(503, f"what was added to {served.name} cannot be read; the server's log says why") from error


class Predictor:
    """Answers for the models of a shelf."""

    def __init__(self, shelf: ModelStore, settings: Settings) -> None:
        self.shelf, self.limits, self.log_texts = shelf, settings.limits, settings.log_texts
        self._threads = ThreadPoolExecutor(THREADS, "preparing")
        self._held = 0  # bytes of bodies being read or answered

    async def answer(self, request: Request, served: LoadedModel) -> Response:
        predictions = await self.predictions(request, served, lambda body: self._inputs(served, body))
        return Json({"model": served.name, "version": served.version, "predictions": predictions})

    async def predictions(
        self, request: Request, served: LoadedModel, inputs_of: Callable[[bytearray], list[Any]], way: Operation | None = None
    ) -> list[dict[str, Any]]:
        """What becomes of what stands in the body. way: None: answers to it."""
        said = request.scope["said"]
        said |= {"model": served.name, "version": served.version}
        seconds, body = self.limits.seconds, Body()
        served.users += 1
        try:
            self._check_room(served, 1)  # where the queue is full no body is read
            async with asyncio.timeout(seconds) as clock:
                await self._read(request, body)
                inputs = inputs_of(body.content)
                said["inputs"] = len(inputs)
                if self.log_texts:
                    said["texts"] = inputs
                ticket = await self.submit(served, inputs, alive(clock, seconds), way)
                return await answered(request, ticket)
        except TimeoutError:
            late = RefusedError(504, f"no answer within {seconds:g} s; send fewer inputs, or try later")
            raise late if body.whole else self._late() from None
        finally:
            served.users -= 1
            self._held -= len(body.content)

    @asynccontextmanager
    async def body(self, request: Request, until: float) -> AsyncIterator[bytearray]:
        """The body of a request, which must be complete by then, in the time of the loop. What is held of all is bounded."""
        body = Body()
        try:
            async with asyncio.timeout_at(until):
                await self._read(request, body)
            yield body.content
        except TimeoutError:
            if body.whole:
                raise
            raise self._late() from None
        finally:
            self._held -= len(body.content)

    async def _read(self, request: Request, body: Body) -> None:
        """The caller gives back what is held."""
        await read(request, body.content, self.limits.body, self._hold)
        body.whole = True

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self.limits.bodies:
            raise RefusedError(429, "too many bodies at once", {"Retry-After": "1"})

    def _late(self) -> RefusedError:
        return RefusedError(408, f"the body was not complete after {self.limits.seconds:g} s", {"Connection": "close"})

    def _inputs(self, served: LoadedModel, body: bytearray) -> list[Any]:
        given = parsed(body, served.body_example)
        if not isinstance(given, dict) or "inputs" not in given:
            has = f"; {nearest('inputs', list(given)[:KEYS], 'it has')}" if isinstance(given, dict) else ""
            raise RefusedError(422, f"the body is an object with the key inputs{has}; for example {served.body_example}")
        if unknown := given.keys() - {"inputs"}:
            raise RefusedError(422, f"the body has only the key inputs, not {some(sorted(unknown))}")
        inputs = given["inputs"] if isinstance(given["inputs"], list) else [given["inputs"]]
        if not inputs:
            raise RefusedError(422, f"inputs is empty; for example {served.body_example}")
        if len(inputs) > self.limits.inputs:
            raise RefusedError(413, f"{len(inputs):,} inputs where {self.limits.inputs:,} are allowed; send several requests")
        return inputs

    def _characters(self, one: Any, name: str) -> int:
        """Of all strings in an input. Raises RefusedError where there are too many."""
        characters = sum(map(len, _strings(one)))
        if characters > self.limits.characters:
            raise RefusedError(413, f"{name} has {characters:,} characters; {self.limits.characters:,} are allowed")
        return characters

    def _check_room(self, served: LoadedModel, inputs: int) -> None:
        try:
            served.engine.check_room(inputs)
        except QueueFullError as full:
            waits = f"{served.engine.depth:,} inputs wait where {self.limits.queue:,} may"
            raise RefusedError(429, f"{waits}; try again later", {"Retry-After": str(full.seconds)}) from None

    async def submit(
        self,
        served: LoadedModel,
        inputs: Sequence[Any],
        on_event: Callable[[Event], None] | None = None,
        way: Operation | None = None,
    ) -> Ticket:
        """Puts inputs before the engine. Raises RefusedError for one that the model does not take, and when the queue is full.

        on_event: told each event of the codec, in a thread of the engine.
        """
        catch_up(served)
        way = way or Operation("input", served.model.parse, served.model.codec.start)
        names = [f"{way.name} {number}" for number in range(1, len(inputs) + 1)]
        characters = sum(map(self._characters, inputs, names))
        requests = list(map(way.understood, inputs, names))
        prepare = partial(served.engine.prepare, requests, on_event, way.steps)
        self._check_room(served, len(inputs))
        if characters <= INLINE:
            ticket = served.engine.submit(prepare())
        else:
            with served.engine.place(len(inputs)):
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
    peer = cast(Peer, request.scope["peer"])
    if peer.left:
        ticket.cancel()
        raise ClientLeftError()
    peer.on_leaving = lambda: None if ticket.answers.done() else ticket.answers.set_exception(ClientLeftError())
    try:
        return await ticket.answers
    except Exception:
        if ticket.failed is not None and len(ticket.jobs) > 1:
            request.scope["said"]["failed_input"] = ticket.failed
        raise
    finally:
        ticket.cancel()
        peer.on_leaving = None


def parsed(body: bytearray, example: str) -> Any:
    """The JSON of a body. example: one that works, for messages."""
    try:
        return _JSON.decode(body.decode(_encoding(body)))
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {str(error)[:200]}; for example {example}") from None
    except RecursionError:
        raise RefusedError(400, f"the body is {DEEP}") from None


def _encoding(body: bytearray) -> str:
    """UTF-8, with a mark at its beginning or without. Raises RefusedError for what only looks like it, or not even that."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise RefusedError(400, f"the body is {encoding[:6].upper()}; JSON is sent as UTF-8")
    return encoding


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        if depth > 20:
            raise RefusedError(422, f"an input is {DEEP}")
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)
