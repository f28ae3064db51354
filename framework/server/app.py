"""The paths of the server, and the handlers that answer them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from framework.contracts.serving.drawing import plain_drawing
from framework.contracts.serving.replies import RefusedError
from framework.errors import FrameworkError
from framework.server.http.bodies import read_body
from framework.server.http.cors import Cors
from framework.server.http.keys import check_admin, check_key
from framework.server.http.middleware import Middleware
from framework.server.http.prefix import PathPrefix
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Settings
from framework.server.surfaces import pages
from framework.server.surfaces.endpoint import endpoints
from framework.server.surfaces.openapi import document

ADMIN_BODY = 1000  # bytes of the body of an admin request, at most
Handler = Callable[[Request], Awaitable[Response]]


class Swaps(Protocol):
    """Changes models in every process. Methods block, so they are called in a thread; see `Coordinator`."""

    def swap(self, name: str | None) -> list[dict[str, Any]]: ...
    def rollback(self, name: str | None) -> list[dict[str, Any]]: ...


class Api:
    """The handlers of the paths that do not belong to a surface, and the application of all paths.

    stopping: returns whether the server has been told to stop. crowded: returns whether there are too many connections.
    """

    def __init__(
        self,
        settings: Settings,
        store: ModelStore,
        metrics: Metrics,
        swaps: Swaps,
        stopping: Callable[[], bool],
        crowded: Callable[[], bool],
    ) -> None:
        self.settings, self.store, self.metrics, self.swaps = settings, store, metrics, swaps
        self.stopping, self.crowded = stopping, crowded
        self.pages = pages.Pages(store.surfaces, settings.root_path)

    def app(self) -> Middleware:
        """The ASGI application, surfaces included."""
        keys = self.settings.keys
        routes = [
            _get("models", "/v1/models", self.models, keys.api),
            _get("model", "/v1/models/{name}", self.model, keys.api),
            _get("health", "/healthz", self.health),
            _get("ready", "/readyz", self.ready),
            _get("metrics", "/metrics", self.get_metrics),
            _get("page", "/", self.home),
            _get("docs", "/docs", self.docs),
            _get("docs", "/docs/{file}", pages.docs_file),
            _get("openapi", "/openapi.json", self.openapi),
            _post("swap", "/admin/swap", self.swap, keys.admin),
            _post("rollback", "/admin/rollback", self.rollback, keys.admin),
        ]
        for route, endpoint in endpoints(self.store.surfaces, self.settings, self.store, self.metrics):
            routes.append(Route(route.path, endpoint, methods=[route.method]))
        prefix = PathPrefix(self.settings.root_path, lambda path: any(route.path_regex.match(path) for route in routes))
        cors = Cors(Paths(routes), self.settings.origins, {method for route in routes for method in route.methods or ()})
        return Middleware(cors, prefix, self.metrics, self.crowded, self.settings.log_texts)

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "alive"} if self.store.alive else {"status": "an engine has ended"}, 200 if self.store.alive else 500
        )

    async def ready(self, request: Request) -> Response:
        if self.stopping():
            return JSONResponse({"status": "stopping"}, 503)
        if not self.store.alive:
            return JSONResponse({"status": "an engine has ended"}, 503)
        if not self.store.ready:
            return JSONResponse({"status": "loading and checking"}, 503, {"Retry-After": "1"})
        versions = {name: served.version for name, served in self.store.current.items()}
        return JSONResponse({"status": "ready", "models": versions})

    async def get_metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=self.metrics.content_type)

    async def models(self, request: Request) -> Response:
        """All models: under ``models`` with their versions, and under ``data`` in the form of OpenAI's API."""
        models = list(self.store.current.values())
        about = [self._about(served) for served in models]
        return JSONResponse({"models": about, "object": "list", "data": [served.as_openai() for served in models]})

    async def model(self, request: Request) -> Response:
        """One model. Titles and descriptions are in the language of the browser; English for clients that ask for none."""
        served = self.store.find(request.path_params["name"])
        interface = served.interface
        schemas = {"request": interface.request, "response": interface.response, "example": interface.example}
        forms = {"drawing": plain_drawing(interface.drawing), "pages": self.pages.of(served)}
        texts = self.pages.language(request).translated({**schemas, **forms})
        return JSONResponse({**self._about(served), **served.as_openai(), **texts}, headers=pages.BY_LANGUAGE)

    def _about(self, served: LoadedModel) -> dict[str, Any]:
        previous = self.store.previous.get(served.name)
        return {
            **served.about(),
            "surfaces": served.surfaces,
            "page": self.pages.first(served),
            "previous_version": previous.version if previous else None,
        }

    async def home(self, request: Request) -> Response:
        """The page of the model and the surface that the query names; see `Pages.home`."""
        name = request.query_params.get("model") or self.settings.resolve(None)
        served = self.store.current.get(name)
        return self.pages.home(served, request.query_params.get("surface"), self.pages.language(request))

    async def docs(self, request: Request) -> Response:
        return pages.docs()

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(self.store, self.settings))

    async def swap(self, request: Request) -> Response:
        return await self._change(request, self.swaps.swap)

    async def rollback(self, request: Request) -> Response:
        return await self._change(request, self.swaps.rollback)

    async def _change(self, request: Request, change: Callable[[str | None], list[dict[str, Any]]]) -> Response:
        check_admin(self.settings.keys)
        name = await _read_model_name(request)
        try:
            versions = await asyncio.to_thread(change, name)
        except FrameworkError as error:
            self.metrics.record_swap("refused")
            raise RefusedError(409, str(error)) from error
        self.metrics.record_swap("done")
        request.scope["facts"]["models"] = versions
        return JSONResponse({"models": versions})


class Endpoint:
    """An ASGI application that answers one path. It replaces Starlette's wrapper, which takes a tenth of a request's time.

    name: the endpoint in logs and metrics. key: the key that clients must send; None: no key is needed.
    """

    def __init__(self, name: str, handler: Handler, key: str | None) -> None:
        self.name, self.handler, self.key = name, handler, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["facts"]["endpoint"] = self.name
        if self.key is not None:
            check_key(scope, self.key)
        response = await self.handler(Request(scope, receive, send))
        await response(scope, receive, send)


class Paths:
    """A router that looks up paths in a table, which finds those without parameters, before it tries the routes in order."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._router = Router(routes, redirect_slashes=False)
        self._direct = {(method, route.path): route.app for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._direct.get((scope["method"], scope["path"]), self._router)(scope, receive, send)


def _get(name: str, path: str, handler: Handler, key: str | None = None) -> Route:
    return Route(path, Endpoint(name, handler, key), methods=["GET"])


def _post(name: str, path: str, handler: Handler, key: str | None) -> Route:
    return Route(path, Endpoint(name, handler, key), methods=["POST"])


async def _read_model_name(request: Request) -> str | None:
    """The model in the body of an admin request, ``{"model": NAME}``; None for an empty body. Raises RefusedError.

    A body cannot name the address of an artifact: addresses are fixed when the server starts.
    """
    body = bytearray()
    await read_body(request, body, ADMIN_BODY)
    if not body.strip():
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, 'the body is not JSON; leave it out, or send {"model": NAME}') from error
    if not isinstance(content, dict) or content.keys() - {"model"} or not isinstance(content.get("model"), str | None):
        raise RefusedError(422, 'the body is {"model": NAME}; leave it out for every model')
    return content.get("model")
