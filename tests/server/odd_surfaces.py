"""The surfaces of a stranger: one that is good, and some that are not. Copied beside its distribution by the tests."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from framework import (
    Answer,
    Codec,
    DrawnRanking,
    Exchange,
    InputError,
    Limits,
    OpenApiPart,
    Page,
    Reply,
    Route,
    ServedModel,
    Stream,
    Surface,
    hookimpl,
    message,
)

TEXTS = {"type": "object", "required": ["texts"], "properties": {"texts": {"type": "array", "items": {"type": "string"}}}}
EXAMPLE = {"texts": ["what a lovely flight", "my bag is lost"]}


class Sure(Surface):
    """Texts by how sure the model is of them."""

    name: ClassVar[str] = "sure"
    page: ClassVar[Page] = Page(
        message("Sure"), "/v1/models/{name}/sure", None, TEXTS, EXAMPLE, DrawnRanking("texts", "text", "text", "probability")
    )
    counters: ClassVar[Mapping[str, str]] = {"texts": "Texts that were ranked"}
    lacking: ClassVar[str] = "is never sure"

    def serves(self, codec: Codec) -> bool:
        return "probability" in codec.interface().response["properties"]

    def routes(self) -> Sequence[Route]:
        about: Mapping[str, Any] = {"summary": "The surest first", "request": TEXTS, "example": EXAMPLE}
        return [Route("POST", "/v1/models/{name}/sure", self.answer, "sure", body=500, **about)]

    async def answer(self, exchange: Exchange) -> Reply:
        model = exchange.model()
        body = await exchange.json(EXAMPLE)
        if not isinstance(body, dict) or not isinstance(body.get("texts"), list):
            raise InputError(f"the body is an object with the key texts, a list; for example {EXAMPLE}")
        answers = await exchange.answers(model, body["texts"])
        exchange.count("texts", len(answers))
        ranked = sorted(zip(body["texts"], answers, strict=True), key=lambda pair: -pair[1]["probability"])
        return {"texts": [{"text": text, "probability": answer["probability"]} for text, answer in ranked]}


class Odd(Surface):
    """Everything that a surface may do wrong, and some that it may do."""

    name: ClassVar[str] = "odd"
    page: ClassVar[Page] = Page("Odd", "/odd/notes", folder=Path(__file__).parent / "odd_words")

    def routes(self) -> Sequence[Route]:
        handlers = (self.raises, self.refuses, self.never, self.nothing, self.torn, self.endless, self.stalls, self.late,
                    self.notes, self.holds, self.blocks, self.teapot)  # fmt: skip
        return [
            *(Route("POST", f"/odd/{handler.__name__}", handler, handler.__name__) for handler in handlers),
            Route("POST", "/odd/guarded", self.teapot, key="admin"),
            Route("POST", "/odd/open", self.teapot, key="none"),
            Route("DELETE", "/odd/quick/{what}", self.never, "quick", seconds=0.2),
        ]

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        raise ValueError("no words for it")

    async def raises(self, exchange: Exchange) -> Reply:
        raise ValueError(exchange.query["text"])

    async def refuses(self, exchange: Exchange) -> Reply:
        raise InputError("send something else")

    async def never(self, exchange: Exchange) -> Reply:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            mark("cancelled")
            raise
        return {}

    async def nothing(self, exchange: Exchange) -> Reply:
        return None  # type: ignore[return-value]

    async def torn(self, exchange: Exchange) -> Reply:
        return Stream(pieces(2, ValueError("torn")))

    async def endless(self, exchange: Exchange) -> Reply:
        exchange.model()
        return Stream(pieces(10**9))

    async def stalls(self, exchange: Exchange) -> Reply:
        return Stream(pieces(1, pause=10**6))

    async def late(self, exchange: Exchange) -> Reply:
        return Stream(pieces(0, pause=10**6))

    async def notes(self, exchange: Exchange) -> Reply:
        exchange.note(who="write to anna@example.org", rows=3)
        return {"id": exchange.request_id, "search": exchange.query.get("search")}

    async def holds(self, exchange: Exchange) -> Reply:
        """Until there is a file; then the model answers, whatever was swapped meanwhile."""
        model = exchange.model()
        mark("holds")
        while not (Path(os.environ["MARKS"]) / "go").exists():
            await asyncio.sleep(0.02)
        await exchange.answers(model, ["the lovely flight"])
        return {"version": model.version}

    async def blocks(self, exchange: Exchange) -> Reply:
        mark("blocks")
        time.sleep(10**6)
        return {}

    async def teapot(self, exchange: Exchange) -> Reply:
        return Answer("short and stout", 418, "text/plain", {"X-Tea": "green"})


class Unsure(Sure):
    name: ClassVar[str] = "unsure"
    page: ClassVar[Any] = None

    def serves(self, codec: Codec) -> bool:
        raise ValueError("it cannot decide")

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/v1/unsure", self.answer)]


class Greedy(Odd):
    name: ClassVar[str] = "greedy"

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/greedy", self.teapot), Route("GET", "/healthz", self.teapot)]


class Rival(Odd):
    name: ClassVar[str] = "rival"

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/v1/{anything}", self.teapot)]


class Crooked(Odd):
    name: ClassVar[str] = "crooked"

    def routes(self) -> Sequence[Route]:
        return [Route("LOOK", "/crooked", self.teapot), Route("GET", "crooked/{path:path}", self.teapot)]  # type: ignore[arg-type]


async def pieces(count: int, error: Exception | None = None, pause: float = 0.0) -> AsyncIterator[str]:
    try:
        for number in range(count):
            yield f"piece {number}\n"
            await asyncio.sleep(0.01)
        if error is not None:
            raise error
        await asyncio.sleep(pause)
    finally:
        mark("closed")


def mark(name: str) -> None:
    """Tells the test what has come about."""
    with (Path(os.environ["MARKS"]) / name).open("a") as stream:
        stream.write("x")


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    for name in ("sure", "odd", "unsure", "greedy", "rival", "crooked", "missing"):
        register(name, f"odd_surfaces:{name.title()}")


@hookimpl
def register_messages(register: Callable[[str, str], None]) -> None:
    register("zh", "odd_words:zh.json")
