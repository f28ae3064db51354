"""The surface: ``POST /v1/recommend`` and ``/v1/items``, for models whose codec is `Growing`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from framework import (
    Codec,
    Exchange,
    FrameworkError,
    Growing,
    InputError,
    Limits,
    OpenApiPart,
    Operation,
    Page,
    RefusedError,
    Reply,
    Route,
    ServedModel,
    Surface,
    message,
    some,
)
from framework_recommendation.openapi import FOUND, ITEMS_EXAMPLE, MOST_ADDED, MOST_FOUND, part

PREFIXES = ("/v1", "/v1/models/{name}")


class Recommend(Surface):
    """Ranks items for a user or a history, finds items, and adds items."""

    name: ClassVar[str] = "recommend"
    page: ClassVar[Page] = Page(
        message("Recommendations"), "/v1/models/{name}/recommend", folder=Path(__file__).parent / "page"
    )
    lacking: ClassVar[str] = "recommends nothing"
    counters: ClassVar[Mapping[str, str]] = {"items_added": "Items that were added"}

    def serves(self, codec: Codec) -> bool:
        return isinstance(codec, Growing)

    def routes(self) -> Sequence[Route]:
        return [
            route
            for prefix in PREFIXES
            for route in (
                Route("POST", f"{prefix}/recommend", self.answer),
                Route("GET", f"{prefix}/items", self.find, "items"),
                Route("POST", f"{prefix}/items", self.add, "add", key="admin"),
            )
        ]

    async def answer(self, exchange: Exchange) -> Reply:
        """Answers one request, the body. The codec fills in missing keys."""
        model = exchange.model()
        operation = Operation("request", model.answering.parse, model.codec.start, numbered=False)
        body = await exchange.json(model.interface.example)
        predictions = await exchange.answers(model, [body], operation)
        return {"model": model.name, "version": model.version, **predictions[0]}

    async def find(self, exchange: Exchange) -> Reply:
        """Items whose title or id contains the query's ``search`` (without ``search`` all items), the most popular first, at
        most ``limit``. Raises RefusedError for another ``limit`` than 1 to `MOST_FOUND`.
        """
        model = exchange.model()
        model.catch_up()
        text, most = exchange.query.get("search", ""), exchange.query.get("limit", str(FOUND))
        if not re.fullmatch("[0-9]{1,3}", most) or not 1 <= int(most) <= MOST_FOUND:
            raise RefusedError(422, f"limit is a number from 1 to {MOST_FOUND}")
        items = await asyncio.to_thread(_growing(model).find, text[:1000], int(most))
        return {"model": model.name, "items": items}

    async def add(self, exchange: Exchange) -> Reply:
        """Adds all items of the body; raises RefusedError where one of them cannot be added, and then adds none."""
        model = exchange.model()
        codec = _growing(model)
        operation = Operation("item", codec.parse_addition, codec.adding)
        try:
            records = await exchange.answers(model, _entries(await exchange.json(ITEMS_EXAMPLE)), operation)
            await asyncio.to_thread(model.keep, records)
        except RefusedError as refusal:
            raise RefusedError(refusal.status, f"{refusal.message}; nothing was added", refusal.headers) from refusal
        except InputError as error:
            raise RefusedError(422, f"{error}; nothing was added") from error
        except FrameworkError as error:
            raise RefusedError(409, f"{error}; nothing was added") from error
        exchange.count("items_added", len(records))
        return {"model": model.name, "version": model.version, "added": [record["item"] for record in records]}

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        return part(models)


def _growing(model: ServedModel) -> Growing:
    return cast(Growing, model.codec)


def _entries(body: Any) -> list[Any]:
    """The items of a body. Raises RefusedError for a body that is not a list of at most `MOST_ADDED` distinct items."""
    if not isinstance(body, dict) or body.keys() != {"items"} or not isinstance(body["items"], list) or not body["items"]:
        raise RefusedError(422, f"the body is an object with the key items, a list; for example {json.dumps(ITEMS_EXAMPLE)}")
    entries: list[Any] = body["items"]
    if len(entries) > MOST_ADDED:
        raise RefusedError(413, f"{len(entries):,} items where {MOST_ADDED} are allowed; send several requests")
    names = [str(entry.get("item")) for entry in entries if isinstance(entry, dict)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RefusedError(422, f"items are named twice: {some(twice)}")
    return entries
