"""``POST /v1/chat/completions``: OpenAI's interface, whole or streamed, for models whose codec holds a conversation."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from framework.contracts.codec import Event
from framework.server.engine import Ticket
from framework.server.http.errors import RefusedError
from framework.server.model_store import LoadedModel
from framework.server.surfaces.asked import EXAMPLE, Asked, problems_of
from framework.server.surfaces.predict import Predictor, alive, answered, parsed, tell

UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy would hold the tokens back
ELSEWHERE = {
    "completions": 'POST /v1/chat/completions with {"messages": [{"role": "user", "content": PROMPT}]} in place of prompt',
    "responses": 'POST /v1/chat/completions with {"messages": [{"role": "user", "content": INPUT}]} in place of input',
    "embeddings": "no model served here gives vectors; GET /v1/models lists what answers",
}
KINDS = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "server_error",
    504: "server_error",
}


class ChatRefusedError(RefusedError):
    """In the words of OpenAI's interface, so that its clients show the message."""

    def response(self, request_id: str) -> JSONResponse:
        error = {"message": self.readable, "type": KINDS.get(self.status, "invalid_request_error"), "param": None, "code": None}
        return JSONResponse({"error": error, "request_id": request_id}, self.status, self.headers)


async def not_offered(request: Request) -> Response:
    """The paths of OpenAI's interface that have another form than a conversation."""
    path = request.url.path.rpartition("/v1/")[2]
    raise ChatRefusedError(404, f"POST /v1/{path} is not offered; {ELSEWHERE[path]}")


class Chat:
    """named: the model of a name; None: the first. Raises RefusedError when there is none."""

    def __init__(self, predictor: Predictor, named: Callable[[str | None], LoadedModel]) -> None:
        self.predictor, self.named = predictor, named

    async def answer(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except RefusedError as refusal:
            status = 400 if refusal.status == 422 else refusal.status
            message = re.sub("^input 1(: )?", lambda found: "" if found[1] else "the conversation", refusal.message)
            raise ChatRefusedError(status, message, refusal.headers) from refusal

    async def _answer(self, request: Request) -> Response:
        said, events, loop = request.scope["said"], asyncio.Queue[Event | None](), asyncio.get_running_loop()
        async with self.predictor.body(request, loop.time() + self.predictor.limits.seconds) as body:
            asked = self._asked(parsed(body, EXAMPLE))
        served = asked.served
        said |= {"model": served.name, "version": served.version, "inputs": 1}
        if self.predictor.log_texts:
            said["texts"] = asked.inputs["messages"]
        head = _Head(f"chatcmpl-{said['request_id']}", int(time.time()), served.name)
        served.users += 1
        try:
            if not asked.stream:
                return JSONResponse(head.completion(await self._whole(request, asked)))
            on_event = lambda event: tell(loop, partial(events.put_nowait, event))  # noqa: E731
            ticket = await self.predictor.submit(served, [asked.inputs], on_event)
            served.users += 1  # until the stream has ended
        finally:
            served.users -= 1
        ticket.answers.add_done_callback(lambda _: events.put_nowait(None))
        return _Stream(self._chunks(asked, ticket, events, head), ticket, served)

    async def _whole(self, request: Request, asked: Asked) -> Mapping[str, Any]:
        seconds = self.predictor.limits.seconds
        try:
            async with asyncio.timeout(seconds) as clock:
                ticket = await self.predictor.submit(asked.served, [asked.inputs], alive(clock, seconds))
                return cast(Mapping[str, Any], (await answered(request, ticket))[0])
        except TimeoutError:
            raise RefusedError(504, f"no token within {seconds:g} s; try later") from None

    async def _chunks(
        self, asked: Asked, ticket: Ticket, events: asyncio.Queue[Event | None], head: _Head
    ) -> AsyncIterator[str]:
        yield head.chunk({"role": "assistant", "content": ""})
        try:
            while (event := await asyncio.wait_for(events.get(), self.predictor.limits.seconds)) is not None:
                yield head.chunk({"content": event.data["text"]})
            found = ticket.answers.result()[0]
        except Exception as error:  # the status has been sent: what went wrong is the last event
            what = "no token in time" if isinstance(error, TimeoutError) else f"a fault of the server: {type(error).__name__}"
            yield _sent({"error": {"message": what, "type": "server_error", "param": None, "code": None}})
            return
        yield head.chunk({}, found["finish_reason"])
        if asked.usage:
            yield _sent({**head.fields("chat.completion.chunk"), "choices": [], "usage": _usage(found)})
        yield "data: [DONE]\n\n"

    def _asked(self, given: Any) -> Asked:
        problems = problems_of(given)
        if problems:
            raise RefusedError(422, "; ".join(problems[:5]))
        return Asked.of(given, self._served(given.get("model")))

    def _served(self, name: Any) -> LoadedModel:
        if name is not None and not isinstance(name, str):
            raise RefusedError(422, "model is the name of a model; GET /v1/models lists them")
        served = self.named(name)
        if not served.interface.chat:
            raise RefusedError(404, f"{served.name} holds no conversation, it answers POST /v1/models/{served.name}/predict")
        return served


@dataclass(frozen=True)
class _Head:
    """What every chunk of an answer begins with."""

    id: str
    created: int
    model: str

    def fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _sent({**self.fields("chat.completion.chunk"), "choices": [choice]})

    def completion(self, found: Mapping[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": found["content"]}
        choice = {"index": 0, "message": message, "finish_reason": found["finish_reason"]}
        return {**self.fields("chat.completion"), "choices": [choice], "usage": _usage(found)}


def _usage(found: Mapping[str, Any]) -> dict[str, int]:
    """Tokens; and, beyond OpenAI's, how many messages the window had no room for, or for a part alone."""
    read, written = found["prompt_tokens"], found["completion_tokens"]
    tokens = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**tokens, **{name: found[name] for name in ("dropped_messages", "shortened_messages")}}


class _Stream(StreamingResponse):
    """Whatever ends it, a client that leaves too, ends what runs for it."""

    def __init__(self, chunks: AsyncIterator[str], ticket: Ticket, served: LoadedModel) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers=UNBUFFERED)
        self.ticket, self.served = ticket, served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.ticket.cancel()
            self.served.users -= 1


def _sent(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
