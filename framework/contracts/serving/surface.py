"""The contract of a surface, a way to ask models over HTTP: paths, their part of OpenAPI, a page, counters.

The server provides everything else: keys, limits, batching across requests and surfaces, readiness, request ids, logs without
texts, metrics for each endpoint, and swaps of models between two requests.
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
    """What a model does with an input, such as answer it or score it."""

    name: str
    """What error messages call an input: ``input 3: ...``."""
    parse: Callable[[Json], Request]
    """Converts an input of a body to a request. Raises InputError."""
    steps: Callable[[Request], Steps]
    """A generator of calls, as `Codec.start` returns."""
    numbered: bool = True
    """Whether a body may hold several inputs, so that messages give their number."""


class ServedModel(Protocol):
    """A model that is loaded and whose golden examples were replayed. Inputs of all requests to it are batched."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def first(self) -> bool:
        """Whether it is the model for requests that name none."""
        ...

    @property
    def codec(self) -> Codec: ...
    @property
    def interface(self) -> Interface: ...
    @property
    def answering(self) -> Operation:
        """The operation of `predict`; its messages call an input ``input``."""
        ...

    def catch_up(self) -> None:
        """Loads items that any process added to a `Growing` codec. Raises RefusedError."""
        ...

    def keep(self, kept: Sequence[Response]) -> None:
        """Adds kept items, which `Growing.adding` returned, for all processes and permanently. It blocks on the disk.

        Raises InputError for an item that exists already, FrameworkError if items cannot be stored; then none is added.
        """
        ...


class Running(Protocol):
    """Inputs that a model is answering."""

    def events(self) -> AsyncIterator[Event]:
        """Events of the codec until the last response is complete. Raises TimeoutError if none comes within the limit."""
        ...

    async def responses(self) -> list[Response]:
        """The responses, in the order of the inputs. Raises the codec's or the model's exception."""
        ...


class Exchange(Protocol):
    """One HTTP request while it is handled. A handler gets nothing else, and must not keep it afterwards.

    When the client disconnects, when the time limit passes and when the server stops, the handler is cancelled
    (`asyncio.CancelledError`), and so is the model's work for it.
    """

    @property
    def limits(self) -> Limits:
        """For each limit the smaller of the operator's and the route's."""
        ...

    @property
    def request_id(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the path."""
        ...

    @property
    def query(self) -> Mapping[str, str]: ...

    def model(self, name: str | None = None) -> ServedModel:
        """The model of that name; None: the one that the path names as ``{name}``, or the first.

        The version stays the same until this request is answered, even if a swap happens meanwhile. Raises RefusedError if
        there is no such model, if it is still loading, or if this surface does not serve it.
        """
        ...

    async def json(self, example: Json) -> Json:
        """The parsed body. example: a body that works, for messages. Raises RefusedError."""
        ...

    async def answers(self, model: ServedModel, inputs: Sequence[Json], operation: Operation | None = None) -> list[Response]:
        """The responses, in the order of the inputs. operation: by default `ServedModel.answering`. Raises RefusedError."""
        ...

    async def start(self, model: ServedModel, inputs: Sequence[Json], operation: Operation | None = None) -> Running:
        """As `answers`, for responses that are streamed. Raises RefusedError for inputs that cannot be answered."""
        ...

    def note(self, **facts: str | int | float | bool) -> None:
        """Adds facts to the request's line of the log, with personal data in texts masked.

        Do not add inputs: the server logs them if the operator asks for it.
        """
        ...

    def count(self, counter: str, amount: float = 1) -> None:
        """Adds `amount` to one of `Surface.counters`, with the model's name as label."""
        ...


Handler = Callable[[Exchange], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """A path and its handler.

    The handler runs in the event loop: wrap blocking calls in `asyncio.to_thread`. It may raise `RefusedError`, and InputError,
    which is answered with 422; any other exception is answered with 500 and logged as a fault.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Such as ``/v1/models/{name}/score``. ``{name}`` is the name of a model; other parameters may be in braces too."""
    handler: Handler
    endpoint: str = ""
    """The name in metrics and logs; empty: the surface's name."""
    key: Literal["api", "admin", "none"] = "api"
    """The key that a request must send. A server that has no key at all refuses routes with the key of admins."""
    body: int | None = None
    """Largest body in bytes, if smaller than the operator's limit."""
    seconds: float | None = None
    """Longest time to the answer, if shorter than the operator's limit."""
    summary: str = ""
    """The summary in the OpenAPI document."""
    request: Schema | None = None
    """JSON Schema of the body, in the form of OpenAPI 3.0."""
    response: Schema = field(default_factory=lambda: {"type": "object"})
    """JSON Schema of the answer."""
    example: Json = None
    """A body that works."""

    def problem(self) -> str | None:
        """What is wrong with the method or path, for an error; None: nothing."""
        if self.method not in METHODS:
            return f"the method {self.method!r} of {self.path} is none of {', '.join(METHODS)}"
        if not PATH.fullmatch(self.path):
            return f"{self.path!r} is no path such as /v1/models/{{name}}/score"
        return None


@dataclass(frozen=True)
class Page:
    """A web page on which people try a model, in the common frame of all pages.

    Without a folder the page is a form made from the schema of the request, and the answer is drawn by `Drawing`.
    """

    title: str
    """A `message` is shown in the language of the browser; so are titles and descriptions in a schema."""
    path: str
    """The path that the page posts to, with ``{name}`` for the model."""
    listed: tuple[str, str] | None = None
    """Where a body holds a list of requests and its answer a list of responses, the names of both lists. None: the body is one
    request and the answer one response."""
    request: Schema | None = None
    """The schema that the form is made from; None: `Interface.request`."""
    example: Json = None
    """The initial content of the form; None: `Interface.example`."""
    drawing: Drawing | None = None
    """How the answer is drawn; None: `Interface.drawing`."""
    folder: Path | None = None
    """A folder with any of page.html (the content of the frame), page.css and page.js (run after the common script)."""


class Surface(ABC):
    """A way to ask models over HTTP. One object serves all requests of a process, from its event loop."""

    name: ClassVar[str]
    """The name that `register_surfaces` registers."""
    page: ClassVar[Page | None] = None
    counters: ClassVar[Mapping[str, str]] = {}
    """Further Prometheus counters, ``framework_SURFACE_NAME_total``: their description by NAME."""
    lacking: ClassVar[str] = "is not asked so"
    """The predicate of the message about a model that the surface does not serve: ``NAME holds no conversation``."""

    def serves(self, codec: Codec) -> bool:
        """Whether the surface serves models with this codec; called once for each loaded model."""
        return True

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The routes, asked for once when the server starts. A path belongs to one surface, whatever the method."""

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        """The surface's part of the OpenAPI document. models: those that it serves, at least one."""
        paths: dict[str, dict[str, Schema]] = {}
        for route in self.routes():
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route, models)
        return OpenApiPart(paths)

    def refuse(self, refusal: RefusedError) -> RefusedError:
        """Converts a refusal on one of its paths, also one by the server, such as for a wrong key, to the surface's form."""
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
