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

from framework.errors import FrameworkError, InputError
from framework.server.http.bodies import read
from framework.server.http.cors import Cors
from framework.server.http.errors import RefusedError
from framework.server.http.middleware import Middleware
from framework.server.http.prefix import Prefix
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Keys, Settings
from framework.server.surfaces import pages
from framework.server.surfaces.chat import ELSEWHERE, Chat, not_offered
from framework.server.surfaces.openapi import document
from framework.server.surfaces.predict import Predictor
from framework.server.surfaces.recommend import Recommend

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
        self.predictor = Predictor(shelf, settings)

    def app(self) -> Middleware:
        keys, recommend = self.settings.keys, Recommend(self.predictor, self._named)
        routes = [
            _post("predict", "/v1/predict", self.predict, keys.api),
            _post("predict", "/v1/models/{name}/predict", self.predict, keys.api),
            _post("chat", "/v1/chat/completions", Chat(self.predictor, self._named).answer, keys.api),
            *(_post("chat", f"/v1/{path}", not_offered, keys.api) for path in ELSEWHERE),
            _post("recommend", "/v1/recommend", recommend.answer, keys.api),
            _post("recommend", "/v1/models/{name}/recommend", recommend.answer, keys.api),
            _get("items", "/v1/items", recommend.find, keys.api),
            _get("items", "/v1/models/{name}/items", recommend.find, keys.api),
            _post("add", "/v1/items", self._for_admins(recommend.add), keys.admin),
            _post("add", "/v1/models/{name}/items", self._for_admins(recommend.add), keys.admin),
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
        prefix = Prefix(self.settings.root_path, lambda path: any(route.path_regex.match(path) for route in routes))
        cors = Cors(Paths(routes), self.settings.origins)
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

    async def predict(self, request: Request) -> Response:
        return await self.predictor.answer(request, self._served(request))

    def _served(self, request: Request) -> LoadedModel:
        """The model that the path names; without a name, the first."""
        return self._named(request.path_params.get("name"))

    def _named(self, name: str | None) -> LoadedModel:
        try:
            name = self.settings.chosen(name)
        except InputError as error:
            raise RefusedError(404, str(error)) from error
        if name not in self.shelf.current:
            message = "the model is still being loaded and checked; GET /readyz says when"
            raise RefusedError(503, message, {"Retry-After": "1"})
        return self.shelf.current[name]

    async def models(self, request: Request) -> Response:
        """Ours, and under `data` what clients of OpenAI's interface read."""
        found = list(self.shelf.current.values())
        about = [self._about(served) for served in found]
        return JSONResponse({"models": about, "object": "list", "data": [served.as_openai() for served in found]})

    async def model(self, request: Request) -> Response:
        served = self._served(request)
        interface = served.interface
        schemas = {"request": interface.request, "response": interface.response, "example": interface.example}
        return JSONResponse({**self._about(served), **served.as_openai(), **schemas})

    def _about(self, served: LoadedModel) -> dict[str, Any]:
        before = self.shelf.previous.get(served.name)
        return {
            **served.about(),
            "chat": served.interface.chat,
            "page": served.interface.page,
            "previous_version": before.version if before else None,
        }

    async def home(self, request: Request) -> Response:
        """Of the model that the query names; of one that is not there or not loaded yet, the page that finds out."""
        name = request.query_params.get("model") or self.settings.chosen(None)
        served = self.shelf.current.get(name)
        return pages.home(served.interface.page if served is not None else "predict", self.settings.root_path)

    async def docs(self, request: Request) -> Response:
        return pages.docs()

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(document(self.shelf, self.settings))

    async def swap(self, request: Request) -> Response:
        return await self._change(request, self.swaps.swap)

    async def rollback(self, request: Request) -> Response:
        return await self._change(request, self.swaps.rollback)

    def _check_admin(self) -> None:
        if self.settings.keys.admin is None:
            raise RefusedError(403, "the server was started without a key, so nobody may change its models; see serve --help")

    def _for_admins(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            self._check_admin()
            return await handler(request)

        return checked

    async def _change(self, request: Request, change: Callable[[str | None], list[dict[str, Any]]]) -> Response:
        self._check_admin()
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
        request = Request(scope, receive, send)
        if self.key is not None:
            _ask_for_key(request, self.key)
        response = await self.handler(request)
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


def _ask_for_key(request: Request, expected: str) -> None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    given = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key")
    if not Keys.hold(expected, given):
        what = "a wrong key" if given else "no key"
        raise RefusedError(401, f"{what}; send Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})


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
