"""The paths of the server and what answers them."""

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
from framework.server.http.bodies import read
from framework.server.http.cors import Cors
from framework.server.http.keys import check_admin, check_key
from framework.server.http.middleware import Middleware
from framework.server.http.prefix import Prefix
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Settings
from framework.server.surfaces import pages
from framework.server.surfaces.endpoint import endpoints
from framework.server.surfaces.openapi import document

ADMIN_BODY = 1000  # bytes
Handler = Callable[[Request], Awaitable[Response]]


class Swaps(Protocol):
    """Who changes models in every process; called in a thread."""

    def swap(self, name: str | None) -> list[dict[str, Any]]: ...
    def rollback(self, name: str | None) -> list[dict[str, Any]]: ...


class Api:
    """leaving: whether the server has been told to stop. crowded: whether it has too many connections."""

    def __init__(
        self,
        settings: Settings,
        shelf: ModelStore,
        metrics: Metrics,
        swaps: Swaps,
        leaving: Callable[[], bool],
        crowded: Callable[[], bool],
    ) -> None:
        self.settings, self.shelf, self.metrics, self.swaps = settings, shelf, metrics, swaps
        self.leaving, self.crowded = leaving, crowded
        self.pages = pages.Pages(shelf.surfaces, settings.root_path)

    def app(self) -> Middleware:
        keys = self.settings.keys
        routes = [
            _get("models", "/v1/models", self.models, keys.api),
            _get("model", "/v1/models/{name}", self.model, keys.api),
            _get("health", "/healthz", self.health),
            _get("ready", "/readyz", self.ready),
            _get("metrics", "/metrics", self.measured),
            _get("page", "/", self.home),
            _get("docs", "/docs", self.docs),
            _get("docs", "/docs/{file}", pages.docs_file),
            _get("openapi", "/openapi.json", self.openapi),
            _post("swap", "/admin/swap", self.swap, keys.admin),
            _post("rollback", "/admin/rollback", self.rollback, keys.admin),
        ]
        for route, endpoint in endpoints(self.shelf.surfaces, self.settings, self.shelf, self.metrics):
            routes.append(Route(route.path, endpoint, methods=[route.method]))
        prefix = Prefix(self.settings.root_path, lambda path: any(route.path_regex.match(path) for route in routes))
        cors = Cors(Paths(routes), self.settings.origins, {method for route in routes for method in route.methods or ()})
        return Middleware(cors, prefix, self.metrics, self.crowded, self.settings.log_texts)

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "alive"} if self.shelf.alive else {"status": "an engine has ended"}, 200 if self.shelf.alive else 500
        )

    async def ready(self, request: Request) -> Response:
        if self.leaving():
            return JSONResponse({"status": "stopping"}, 503)
        if not self.shelf.alive:
            return JSONResponse({"status": "an engine has ended"}, 503)
        if not self.shelf.ready:
            return JSONResponse({"status": "loading and checking"}, 503, {"Retry-After": "1"})
        versions = {name: served.version for name, served in self.shelf.current.items()}
        return JSONResponse({"status": "ready", "models": versions})

    async def measured(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type=self.metrics.content_type)

    async def models(self, request: Request) -> Response:
        """Ours, and under `data` what clients of OpenAI's interface read."""
        found = list(self.shelf.current.values())
        about = [self._about(served) for served in found]
        return JSONResponse({"models": about, "object": "list", "data": [served.as_openai() for served in found]})

    async def model(self, request: Request) -> Response:
        """Titles and descriptions are in the language of the browser; programs, which name none, get English."""
        served = self.shelf.named(request.path_params["name"])
        interface = served.interface
        schemas = {"request": interface.request, "response": interface.response, "example": interface.example}
        forms = {"drawing": plain_drawing(interface.drawing), "pages": self.pages.of(served)}
        texts = self.pages.language(request).translated({**schemas, **forms})
        return JSONResponse({**self._about(served), **served.as_openai(), **texts}, headers=pages.BY_LANGUAGE)

    def _about(self, served: LoadedModel) -> dict[str, Any]:
        before = self.shelf.previous.get(served.name)
        return {
            **served.about(),
            "surfaces": served.surfaces,
            "page": self.pages.first(served),
            "previous_version": before.version if before else None,
        }

    async def home(self, request: Request) -> Response:
        """Of the model and surface that the query names; of a model that is not loaded (yet), the page that finds out."""
        name = request.query_params.get("model") or self.settings.chosen(None)
        served = self.shelf.current.get(name)
        return self.pages.home(served, request.query_params.get("surface"), self.pages.language(request))

    async def docs(self, request: Request) -> Response:
        return pages.docs()

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(self.shelf, self.settings))

    async def swap(self, request: Request) -> Response:
        return await self._change(request, self.swaps.swap)

    async def rollback(self, request: Request) -> Response:
        return await self._change(request, self.swaps.rollback)

    async def _change(self, request: Request, change: Callable[[str | None], list[dict[str, Any]]]) -> Response:
        check_admin(self.settings.keys)
        name = await _model_named(request)
        try:
            done = await asyncio.to_thread(change, name)
        except FrameworkError as error:
            self.metrics.swapped("refused")
            raise RefusedError(409, str(error)) from error
        self.metrics.swapped("done")
        request.scope["said"]["models"] = done
        return JSONResponse({"models": done})


class Endpoint:
    """An ASGI application that answers one path. Starlette's own wrapper costs a tenth of a request's time. key: asked for."""

    def __init__(self, name: str, handler: Handler, key: str | None) -> None:
        self.name, self.handler, self.key = name, handler, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["said"]["endpoint"] = self.name
        if self.key is not None:
            check_key(scope, self.key)
        response = await self.handler(Request(scope, receive, send))
        await response(scope, receive, send)


class Paths:
    """A router that looks up paths without parameters in place of trying one route after the other."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._router = Router(routes, redirect_slashes=False)
        self._direct = {(method, route.path): route.app for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._direct.get((scope["method"], scope["path"]), self._router)(scope, receive, send)


def _get(name: str, path: str, handler: Handler, key: str | None = None) -> Route:
    return Route(path, Endpoint(name, handler, key), methods=["GET"])


def _post(name: str, path: str, handler: Handler, key: str | None) -> Route:
    return Route(path, Endpoint(name, handler, key), methods=["POST"])


async def _model_named(request: Request) -> str | None:
    """The body of an admin request: nothing, or ``{"model": NAME}``. No path: those were named when the server started."""
    body = bytearray()
    await read(request, body, ADMIN_BODY)
    if not body.strip():
        return None
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, 'the body is not JSON; leave it out, or send {"model": NAME}') from error
    if not isinstance(given, dict) or given.keys() - {"model"} or not isinstance(given.get("model"), str | None):
        raise RefusedError(422, 'the body is {"model": NAME}; leave it out for every model')
    return given.get("model")
