"""What a plugin provides that clients ask over HTTP: paths, their part of OpenAPI, a page, counters.

The server brings the rest: keys, limits, batching with whatever else asks the model, readiness, request ids, logs without
texts, metrics by endpoint, and swaps between two requests.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from framework.contracts.codec import Codec, Event, Interface, Steps
from framework.contracts.graph import Json, Request, Response
from framework.contracts.serving.drawing import Drawing
from framework.contracts.serving.openapi import ADMIN_STATUSES, STATUSES, OpenApiPart, Schema, model_parameter, operation
from framework.contracts.serving.replies import Limits, RefusedError, Reply

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATH = re.compile(r"(/([A-Za-z0-9._~-]+|\{[a-z_]+\}))+")


@dataclass(frozen=True)
class Operation:
    """From what stands in a body to runs of a model.

    name: what messages call one input: ``input 3: ...``. parse: raises InputError. steps: as those of `Codec.start`.
    numbered: whether a request may hold several, so that messages name the place.
    """

    name: str
    parse: Callable[[Json], Request]
    steps: Callable[[Request], Steps]
    numbered: bool = True


class ServedModel(Protocol):
    """A model that answers: proven, and run in batches with everything else that is asked of it."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def first(self) -> bool:
        """Whether it answers requests that name no model."""
        ...

    @property
    def codec(self) -> Codec: ...
    @property
    def interface(self) -> Interface: ...
    @property
    def answering(self) -> Operation:
        """What answers inputs as `predict` does; its messages call them ``input``."""
        ...

    def catch_up(self) -> None:
        """Takes in what was added to a `Growing` codec, by whichever process. Raises RefusedError."""
        ...

    def keep(self, kept: Sequence[Response]) -> None:
        """Adds to a `Growing` codec what its steps of `adding` returned, for every process and for good; it waits for a disk.

        Raises InputError for what is there already, FrameworkError where it cannot be kept; then nothing was added.
        """
        ...


class Running(Protocol):
    """Inputs on their way through a model."""

    def events(self) -> AsyncIterator[Event]:
        """What the codec says on the way; it ends with the last answer. Raises TimeoutError where nothing comes for long."""
        ...

    async def responses(self) -> list[Response]:
        """The answers, in order. Raises what the codec or the model raised."""
        ...


class Exchange(Protocol):
    """One request while it is answered. A handler is told nothing else, and keeps nothing of it afterwards.

    When the client leaves, when time runs out and when the server ends, the handler is cancelled (`asyncio.CancelledError`),
    and what runs for it goes no further.
    """

    @property
    def limits(self) -> Limits:
        """What the operator allows, or the route, where that is less."""
        ...

    @property
    def request_id(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, str]:
        """Of the path."""
        ...

    @property
    def query(self) -> Mapping[str, str]: ...

    def model(self, name: str | None = None) -> ServedModel:
        """The model of that name; None: the one that the path names as ``{name}``, or the first.

        It stays as it is until this request is answered, also where another version takes its place meanwhile. Raises
        RefusedError: there is none, it is still being loaded, or this surface does not serve it.
        """
        ...

    async def json(self, example: Json) -> Json:
        """The body. example: one that works, for messages. Raises RefusedError."""
        ...

    async def answers(self, model: ServedModel, inputs: Sequence[Json], operation: Operation | None = None) -> list[Response]:
        """What the model answers, in order. operation: None: `ServedModel.answering`. Raises RefusedError."""
        ...

    async def start(self, model: ServedModel, inputs: Sequence[Json], operation: Operation | None = None) -> Running:
        """The same, for answers that are sent while they are written. Raises RefusedError for what cannot be answered."""
        ...

    def note(self, **facts: str | int | float | bool) -> None:
        """Puts facts into the request's line of the log. Personal data in texts is masked; inputs do not belong there: they are
        logged by the server, where the operator says so.
        """
        ...

    def count(self, counter: str, amount: float = 1) -> None:
        """Adds to one of `Surface.counters`, under the model's name."""
        ...


Handler = Callable[[Exchange], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """A path and what answers it.

    The handler runs in the event loop: what blocks for long goes through `asyncio.to_thread`. It raises `RefusedError`, or
    InputError, which is answered with 422; anything else is a fault, answered with 500 and logged.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Such as ``/v1/models/{name}/score``; ``{name}`` is a model, further parameters may stand in braces."""
    handler: Handler
    endpoint: str = ""
    """Its name in metrics and logs; that of the surface unless it is given."""
    key: Literal["api", "admin", "none"] = "api"
    """Which of the server's keys is asked for. Without any key of its own, a server refuses what asks for that of admins."""
    body: int | None = None
    """Bytes that a body may have, where that is less than the operator allows."""
    seconds: float | None = None
    """To the answer, where that is less than the operator allows."""
    summary: str = ""
    """In the OpenAPI document."""
    request: Schema | None = None
    """JSON Schema of the body, in the form of OpenAPI 3.0."""
    response: Schema = field(default_factory=lambda: {"type": "object"})
    example: Json = None
    """A body that works."""

    def problem(self) -> str | None:
        """What is wrong with it, if anything is."""
        if self.method not in METHODS:
            return f"the method {self.method!r} of {self.path} is none of {', '.join(METHODS)}"
        if not PATH.fullmatch(self.path):
            return f"{self.path!r} is no path such as /v1/models/{{name}}/score"
        return None


@dataclass(frozen=True)
class Page:
    """Where people try a model: in the frame of all pages, with the script of all pages.

    Without a folder it is a form made from the schema of the request, and the answer is drawn by hints.
    """

    title: str
    """A `message` is shown in the language of the browser; so are titles and descriptions in a schema."""
    path: str
    """What it asks, by POST, with ``{name}`` for the model."""
    listed: tuple[str, str] | None = None
    """Where a body holds a list of requests and its answer a list of responses: the names of both. None: one and one."""
    request: Schema | None = None
    """Of the form; None: `Interface.request`."""
    example: Json = None
    """What the form begins with; None: `Interface.example`."""
    drawing: Drawing | None = None
    """Of the answer; None: `Interface.drawing`."""
    folder: Path | None = None
    """page.html (what stands in the frame), page.css and page.js (run after the common script), each if it is there."""


class Surface(ABC):
    """A way to ask models over HTTP. One object serves all requests of a process, from its event loop."""

    name: ClassVar[str]
    """As `register_surfaces` has it."""
    page: ClassVar[Page | None] = None
    counters: ClassVar[Mapping[str, str]] = {}
    """Counters beside those that every endpoint has, ``framework_SURFACE_NAME_total``: name -> what it counts."""
    lacking: ClassVar[str] = "is not asked so"
    """What is said of a model that it does not serve: ``NAME holds no conversation``."""

    def serves(self, codec: Codec) -> bool:
        """Whether models with this codec are asked so; asked once for each model that is loaded."""
        return True

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Asked once at start. A path belongs to one surface, whatever the method."""

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        """Its part of the document for the models that it serves, which are at least one."""
        paths: dict[str, dict[str, Schema]] = {}
        for route in self.routes():
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route, models)
        return OpenApiPart(paths)

    def refuse(self, refusal: RefusedError) -> RefusedError:
        """How a refusal of its paths looks, also one of the server's own, such as of a wrong key."""
        return refusal

    def _operation(self, route: Route, models: Sequence[ServedModel]) -> Schema:
        more: dict[str, Any] = {}
        if "{name}" in route.path:
            more["parameters"] = [model_parameter(model.name for model in models)]
        if route.key != "api":
            more["security"] = [{"key": []}] if route.key == "admin" else []
        statuses = {**STATUSES, **ADMIN_STATUSES} if route.key == "admin" else STATUSES
        summary = route.summary or f"{self.name}: {route.method} {route.path}"
        return operation(summary, route.response, request=route.request, example=route.example, statuses=statuses, **more)
