"""One request to a surface while it is answered: what it holds is given back when it ends, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.types import Receive, Scope

from framework.contracts.codec import Event
from framework.contracts.graph import Response
from framework.contracts.serving.replies import Limits, RefusedError, Reply
from framework.contracts.serving.surface import Handler, Operation, ServedModel, Surface
from framework.errors import InputError
from framework.report.privacy import mask
from framework.server.engine import Ticket
from framework.server.http.bodies import read
from framework.server.http.connection import Peer
from framework.server.http.errors import ClientLeftError
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.surfaces.dispatch import Dispatcher, parsed, tell

RESERVED = ("endpoint", "model", "version", "inputs", "texts", "request_id", "error", "failed_input")  # of a line in the log


class Desk(Protocol):
    """What exchanges of one route share."""

    surface: Surface
    limits: Limits
    store: ModelStore
    dispatcher: Dispatcher
    metrics: Metrics
    log_texts: bool

    def elsewhere(self, served: LoadedModel) -> str: ...


class HttpExchange:
    """See `framework.contracts.serving.surface.Exchange`. left: whether the client has."""

    __slots__ = (
        "_clock", "_desk", "_facts", "_held", "_loop", "_models", "_reading", "_request", "_scope", "_task", "_tickets",
        "left", "limits",
    )  # fmt: skip

    def __init__(self, desk: Desk, scope: Scope, receive: Receive) -> None:
        self.limits = desk.limits
        self.left = False
        self._desk, self._scope = desk, scope
        self._request = Request(scope, receive)
        self._facts: dict[str, Any] = scope["said"]
        self._models: list[LoadedModel] = []
        self._tickets: list[Ticket] = []
        self._held = 0
        self._reading = False  # whether the body is on its way
        self._clock: asyncio.Timeout | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self, handler: Handler) -> Reply:
        """What the handler replies. Raises RefusedError, also where time runs out, and ClientLeftError."""
        seconds, peer = self.limits.seconds, cast(Peer, self._scope["peer"])
        if peer.left:
            raise ClientLeftError()
        peer.on_leaving = self._leave
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds) as clock:
                self._clock = clock
                reply = await handler(self)
            self._clock = None
            return reply
        except InputError as error:
            raise RefusedError(422, str(error)) from error
        except TimeoutError:
            if not clock.expired():  # it is the handler's own
                raise
            if self._reading:
                late = f"the body was not complete after {seconds:g} s"
                raise RefusedError(408, late, {"Connection": "close"}) from None
            raise RefusedError(504, f"no answer within {seconds:g} s; send fewer inputs, or try later") from None

    def answering_begins(self) -> None:
        """An answer that is whole is sent whether the client is there or not."""
        cast(Peer, self._scope["peer"]).on_leaving = None

    def give_back_body(self) -> None:
        self._desk.dispatcher.held -= self._held
        self._held = 0

    def close(self) -> None:
        cast(Peer, self._scope["peer"]).on_leaving = None
        for ticket in self._tickets:
            ticket.cancel()
            if ticket.answers.done() and not ticket.answers.cancelled():
                ticket.answers.exception()  # nobody may have asked for it
        for served in self._models:
            served.users -= 1
        self._tickets.clear()  # what runs holds this exchange: without a circle both are gone at once
        self.give_back_body()

    @property
    def request_id(self) -> str:
        return str(self._facts["request_id"])

    @property
    def parameters(self) -> Mapping[str, str]:
        return self._request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        return self._request.query_params

    def model(self, name: str | None = None) -> LoadedModel:
        desk = self._desk
        served = desk.store.named(self._request.path_params.get("name") if name is None else name)
        if desk.surface.name not in served.surfaces:
            raise RefusedError(404, f"{served.name} {desk.surface.lacking}, {desk.elsewhere(served)}")
        served.users += 1
        self._models.append(served)
        self._facts["model"], self._facts["version"] = served.name, served.version
        return served

    async def json(self, example: Any) -> Any:
        for served in self._models:
            self._desk.dispatcher.check_room(served, 1)  # where the queue is full no body is read
        body, self._reading = bytearray(), True
        await read(self._request, body, self.limits.body, self._hold)
        self._reading = False
        return parsed(body, example)

    async def answers(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None = None) -> list[Response]:
        return await self.answered(await self._submit(model, inputs, operation, self._alive))

    async def start(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None = None) -> Progress:
        events = asyncio.Queue[Event | None]()

        def take(event: Event) -> None:
            events.put_nowait(event)
            self._again()

        def on_event(event: Event) -> None:
            tell(self._loop, partial(take, event))

        ticket = await self._submit(model, inputs, operation, on_event)
        ticket.answers.add_done_callback(lambda _: events.put_nowait(None))
        return Progress(self, ticket, events)

    def note(self, **facts: str | int | float | bool) -> None:
        if taken := [name for name in facts if name in RESERVED]:
            raise ValueError(f"the server itself notes {', '.join(taken)}")
        self._facts |= {name: mask(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}

    def count(self, counter: str, amount: float = 1) -> None:
        self._desk.metrics.counted(self._desk.surface.name, counter, self._facts.get("model", ""), amount)

    async def _submit(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None, on_event: Any) -> Ticket:
        self._facts["inputs"] = len(inputs)
        if self._desk.log_texts:
            self._facts["texts"] = inputs
        ticket = await self._desk.dispatcher.submit(cast(LoadedModel, model), inputs, operation, on_event)
        self._tickets.append(ticket)
        return ticket

    async def answered(self, ticket: Ticket) -> list[Response]:
        """The responses of what was submitted. Raises what the codec or the model raised."""
        try:
            return await ticket.answers
        except Exception:
            if ticket.failed is not None and len(ticket.jobs) > 1:
                self._facts["failed_input"] = ticket.failed
            raise
        finally:
            ticket.cancel()

    def _hold(self, size: int) -> None:
        self._held += size
        self._desk.dispatcher.hold(size)

    def _leave(self) -> None:
        self.left = True
        if self._task is not None:
            self._task.cancel()

    def _alive(self, event: Event) -> None:
        """Each event is a sign of life after which the time limit begins again: long texts are written token by token."""
        tell(self._loop, self._again)

    def _again(self) -> None:
        if self._clock is not None:
            with suppress(RuntimeError):  # the limit is no longer in force
                self._clock.reschedule(self._loop.time() + self.limits.seconds)


class Progress:
    """See `framework.contracts.serving.surface.Running`."""

    def __init__(self, exchange: HttpExchange, ticket: Ticket, events: asyncio.Queue[Event | None]) -> None:
        self._exchange, self._ticket, self._events = exchange, ticket, events

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._next()) is not None:
            yield event

    async def _next(self) -> Event | None:
        if not self._events.empty():
            return self._events.get_nowait()
        async with asyncio.timeout(self._exchange.limits.seconds):
            return await self._events.get()

    async def responses(self) -> list[Response]:
        return await self._exchange.answered(self._ticket)
