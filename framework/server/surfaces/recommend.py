"""``POST /v1/recommend`` and ``/v1/items``, for models whose codec ranks the items of a catalogue."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from framework.errors import FrameworkError, InputError, some
from framework.server.http.errors import RefusedError
from framework.server.model_store import LoadedModel
from framework.server.surfaces.predict import Operation, Predictor, catch_up, parsed

ITEMS_EXAMPLE = '{"items": [{"item": "new-1", "text": "Title, genre, description"}]}'
MOST_ADDED = 64  # items of one request
FOUND, MOST_FOUND = 10, 100  # items of a search


class Recommend:
    """named: the model of a name; None: the first. Raises RefusedError when there is none."""

    def __init__(self, predictor: Predictor, named: Callable[[str | None], LoadedModel]) -> None:
        self.predictor, self.named = predictor, named

    async def answer(self, request: Request) -> Response:
        """The body is one request; what it lacks, the codec fills in."""
        served = self._served(request)
        try:
            predictions = await self.predictor.predictions(request, served, lambda body: [parsed(body, _example(served))])
        except RefusedError as refusal:  # it is the only one
            message = re.sub("^input 1(: )?", lambda found: "" if found[1] else "the request", refusal.message)
            raise RefusedError(refusal.status, message, refusal.headers) from refusal
        return JSONResponse({"model": served.name, "version": served.version, **predictions[0]})

    async def find(self, request: Request) -> Response:
        """Items whose title or id holds ``search``, the most popular first; all of them without it."""
        served = self._served(request)
        catch_up(served)
        text, most = request.query_params.get("search", ""), request.query_params.get("limit", str(FOUND))
        if not re.fullmatch("[0-9]{1,3}", most) or not 1 <= int(most) <= MOST_FOUND:
            raise RefusedError(422, f"limit is a number from 1 to {MOST_FOUND}")
        found = await asyncio.to_thread(served.model.codec_of_items.find, text[:1000], int(most))
        return JSONResponse({"model": served.name, "items": found})

    async def add(self, request: Request) -> Response:
        """All of the items, or none."""
        served = self._served(request)
        codec = served.model.codec_of_items
        way = Operation("item", codec.parse_addition, codec.adding)
        try:
            kept = await self.predictor.predictions(request, served, _entries, way)
            await asyncio.to_thread(served.model.keep, kept)
        except RefusedError as refusal:
            raise RefusedError(refusal.status, f"{refusal.message}; nothing was added", refusal.headers) from refusal
        except InputError as error:
            raise RefusedError(422, f"{error}; nothing was added") from error
        except FrameworkError as error:
            raise RefusedError(409, f"{error}; nothing was added") from error
        return JSONResponse({"model": served.name, "version": served.version, "added": [one["item"] for one in kept]})

    def _served(self, request: Request) -> LoadedModel:
        served = self.named(request.path_params.get("name"))
        if not served.interface.recommends:
            where = f"/v1/models/{served.name}/predict"
            raise RefusedError(404, f"{served.name} recommends nothing, it answers POST {where}")
        return served


def _example(served: LoadedModel) -> str:
    return json.dumps(served.interface.example, ensure_ascii=False)


def _entries(body: bytearray) -> list[Any]:
    given = parsed(body, ITEMS_EXAMPLE)
    if not isinstance(given, dict) or given.keys() != {"items"} or not isinstance(given["items"], list) or not given["items"]:
        raise RefusedError(422, f"the body is an object with the key items, a list; for example {ITEMS_EXAMPLE}")
    entries = given["items"]
    if len(entries) > MOST_ADDED:
        raise RefusedError(413, f"{len(entries):,} items where {MOST_ADDED} are allowed; send several requests")
    names = [str(entry.get("item")) for entry in entries if isinstance(entry, dict)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RefusedError(422, f"items are named twice: {some(twice)}")
    return entries
