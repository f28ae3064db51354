"""One request to a surface while it is answered. What the request holds is released however the request ends."""

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
from framework.server.http.bodies import read_body
from framework.server.http.connection import Peer
from framework.server.http.errors import ClientLeftError
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.surfaces.dispatch import Dispatcher, call_in_loop, parse_json

# Keys of a log line that surfaces may not set.
RESERVED = ("endpoint", "model", "version", "inputs", "texts", "request_id", "error", "failed_input")


class RouteContext(Protocol):
    """What all exchanges of one route share."""

    surface: Surface
    limits: Limits
    store: ModelStore
    dispatcher: Dispatcher
    metrics: Metrics
    log_texts: bool

    def path_hint(self, served: LoadedModel) -> str: ...


class HttpExchange:
    """See `framework.contracts.serving.surface.Exchange`. client_left: whether the client closed the connection."""

    __slots__ = (
        "_body_bytes", "_clock", "_context", "_facts", "_loop", "_models", "_reading", "_request", "_scope", "_task",
        "_tickets", "client_left", "limits",
    )  # fmt: skip

    def __init__(self, context: RouteContext, scope: Scope, receive: Receive) -> None:
        self.limits = context.limits
        self.client_left = False
        self._context, self._scope = context, scope
        self._request = Request(scope, receive)
        self._facts: dict[str, Any] = scope["facts"]
        self._models: list[LoadedModel] = []
        self._tickets: list[Ticket] = []
        self._body_bytes = 0
        self._reading = False  # whether the body is being read
        self._clock: asyncio.Timeout | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self, handler: Handler) -> Reply:
        """Calls the handler and returns its reply. Raises RefusedError, also when the time is up, and ClientLeftError."""
        seconds, peer = self.limits.seconds, cast(Peer, self._scope["peer"])
        if peer.closed:
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
            if not clock.expired():  # the handler itself raised TimeoutError
                raise
            if self._reading:
                late = f"the body was not complete after {seconds:g} s"
                raise RefusedError(408, late, {"Connection": "close"}) from None
            raise RefusedError(504, f"no answer within {seconds:g} s; send fewer inputs, or try later") from None

    def detach_client(self) -> None:
        """From now on the request is not cancelled when the client leaves. Called before a complete reply is sent."""
        cast(Peer, self._scope["peer"]).on_leaving = None

    def release_body(self) -> None:
        self._context.dispatcher.body_bytes -= self._body_bytes
        self._body_bytes = 0

    def close(self) -> None:
        """Cancels what still runs for the request, and releases models and body."""
        cast(Peer, self._scope["peer"]).on_leaving = None
        for ticket in self._tickets:
            ticket.cancel()
            if ticket.answers.done() and not ticket.answers.cancelled():
                ticket.answers.exception()  # marks the error as retrieved, which asyncio would log otherwise
        for served in self._models:
            served.users -= 1
        self._tickets.clear()  # breaks a reference cycle, so that tickets and exchange are freed at once
        self.release_body()

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
        context = self._context
        served = context.store.find(self._request.path_params.get("name") if name is None else name)
        if context.surface.name not in served.surfaces:
            raise RefusedError(404, f"{served.name} {context.surface.lacking}, {context.path_hint(served)}")
        served.users += 1
        self._models.append(served)
        self._facts["model"], self._facts["version"] = served.name, served.version
        return served

    async def json(self, example: Any) -> Any:
        for served in self._models:
            self._context.dispatcher.check_room(served, 1)  # with a full queue the body is not read
        body, self._reading = bytearray(), True
        await read_body(self._request, body, self.limits.body, self._add_body_bytes)
        self._reading = False
        return parse_json(body, example)

    async def answers(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None = None) -> list[Response]:
        return await self.wait_for(await self._submit(model, inputs, operation, self._on_event))

    async def start(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None = None) -> HttpRunning:
        events = asyncio.Queue[Event | None]()

        def take(event: Event) -> None:
            events.put_nowait(event)
            self._restart_clock()

        def on_event(event: Event) -> None:
            call_in_loop(self._loop, partial(take, event))

        ticket = await self._submit(model, inputs, operation, on_event)
        ticket.answers.add_done_callback(lambda _: events.put_nowait(None))
        return HttpRunning(self, ticket, events)

    def note(self, **facts: str | int | float | bool) -> None:
        if reserved := [name for name in facts if name in RESERVED]:
            raise ValueError(f"the server itself notes {', '.join(reserved)}")
        self._facts |= {name: mask(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}

    def count(self, counter: str, amount: float = 1) -> None:
        self._context.metrics.count(self._context.surface.name, counter, self._facts.get("model", ""), amount)

    async def _submit(self, model: ServedModel, inputs: Sequence[Any], operation: Operation | None, on_event: Any) -> Ticket:
        self._facts["inputs"] = len(inputs)
        if self._context.log_texts:
            self._facts["texts"] = inputs
        ticket = await self._context.dispatcher.submit(cast(LoadedModel, model), inputs, operation, on_event)
        self._tickets.append(ticket)
        return ticket

    async def wait_for(self, ticket: Ticket) -> list[Response]:
        """The responses to submitted inputs. Raises what the codec or the run raised."""
        try:
            return await ticket.answers
        except Exception:
            if ticket.failed is not None and len(ticket.jobs) > 1:
                self._facts["failed_input"] = ticket.failed
            raise
        finally:
            ticket.cancel()

    def _add_body_bytes(self, size: int) -> None:
        self._body_bytes += size
        self._context.dispatcher.add_body_bytes(size)

    def _leave(self) -> None:
        self.client_left = True
        if self._task is not None:
            self._task.cancel()

    def _on_event(self, event: Event) -> None:
        """Restarts the time limit, because an event, such as a token of a long text, is progress. Called in any thread."""
        call_in_loop(self._loop, self._restart_clock)

    def _restart_clock(self) -> None:
        if self._clock is not None:
            with suppress(RuntimeError):  # raised when the time limit no longer applies
                self._clock.reschedule(self._loop.time() + self.limits.seconds)


class HttpRunning:
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
        return await self._exchange.wait_for(self._ticket)
