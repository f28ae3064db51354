"""``POST /v1/chat/completions``: OpenAI's interface, whole or streamed, for models whose codec holds a conversation."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from framework import (
    Codec,
    ConversationTurn,
    Converses,
    Exchange,
    Limits,
    OpenApiPart,
    Operation,
    Page,
    RefusedError,
    Reply,
    Route,
    Running,
    ServedModel,
    Stream,
    Surface,
    message,
)
from framework_dialogue.chat_request import EXAMPLE, ChatRequest, body_problems
from framework_dialogue.openapi import part

PATH = "/v1/chat/completions"
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


class Chat(Surface):
    """Answers the last message of a conversation. Conversations are not stored on the server."""

    name: ClassVar[str] = "chat"
    page: ClassVar[Page] = Page(message("Chat"), PATH, folder=Path(__file__).parent / "page")
    lacking: ClassVar[str] = "holds no conversation"
    counters: ClassVar[Mapping[str, str]] = {
        "prompt_tokens": "Tokens read of conversations",
        "completion_tokens": "Tokens written as answers",
    }

    def serves(self, codec: Codec) -> bool:
        return isinstance(codec, Converses)

    def routes(self) -> Sequence[Route]:
        elsewhere = [Route("POST", f"/v1/{path}", partial(not_offered, path)) for path in ELSEWHERE]
        return [Route("POST", PATH, self.answer), *elsewhere]

    async def answer(self, exchange: Exchange) -> Reply:
        body = await exchange.json(EXAMPLE)
        if problems := body_problems(body):
            raise RefusedError(422, "; ".join(problems[:5]))
        model, chat = exchange.model(_model_named(body)), ChatRequest.of(body)
        codec = cast(Converses, model.codec)
        operation = Operation("conversation", _parse(codec), model.codec.start, numbered=False)
        inputs = [{"messages": chat.messages, **chat.options}]
        head = _Head(f"chatcmpl-{exchange.request_id}", int(time.time()), model.name)
        if chat.stream:
            running = await exchange.start(model, inputs, operation)
            return Stream(self._chunks(exchange, running, codec, head, chat.usage))
        response = (await exchange.answers(model, inputs, operation))[0]
        return head.completion(self._counted(exchange, codec.turn(response)))

    async def _chunks(
        self, exchange: Exchange, running: Running, codec: Converses, head: _Head, usage: bool
    ) -> AsyncIterator[str]:
        yield head.chunk({"role": "assistant", "content": ""})
        try:
            async for event in running.events():
                yield head.chunk({"content": event.data["text"]})
            turn = self._counted(exchange, codec.turn((await running.responses())[0]))
        except Exception as error:  # the status has been sent, so the error is the last event
            what = "no token in time" if isinstance(error, TimeoutError) else f"a fault of the server: {type(error).__name__}"
            yield _sent({"error": {"message": what, "type": "server_error", "param": None, "code": None}})
            return
        yield head.chunk({}, turn.finish_reason)
        if usage:
            yield _sent({**head.fields("chat.completion.chunk"), "choices": [], "usage": _usage(turn)})
        yield "data: [DONE]\n\n"

    def _counted(self, exchange: Exchange, turn: ConversationTurn) -> ConversationTurn:
        exchange.count("prompt_tokens", turn.prompt_tokens)
        exchange.count("completion_tokens", turn.completion_tokens)
        return turn

    def refuse(self, refusal: RefusedError) -> RefusedError:
        """The refusal in the form of OpenAI's interface, whose clients show its message."""
        status = 400 if refusal.status == 422 else refusal.status
        kind = KINDS.get(status, "invalid_request_error")
        form = {"message": refusal.readable, "type": kind, "param": None, "code": None}
        return RefusedError(status, refusal.message, refusal.headers, form)

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        return part(PATH, models)


async def not_offered(path: str, exchange: Exchange) -> Reply:
    """Raises RefusedError for a path of OpenAI's interface that is not supported, naming the alternative."""
    raise RefusedError(404, f"POST /v1/{path} is not offered; {ELSEWHERE[path]}")


def _parse(codec: Converses) -> Any:
    return lambda chat: codec.converse(chat["messages"], {key: value for key, value in chat.items() if key != "messages"})


def _model_named(body: Mapping[str, Any]) -> str | None:
    name = body.get("model")
    if name is not None and not isinstance(name, str):
        raise RefusedError(422, "model is the name of a model; GET /v1/models lists them")
    return name


@dataclass(frozen=True)
class _Head:
    """Id, time and model of an answer, and the response or the chunks that state them."""

    id: str
    created: int
    model: str

    def fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _sent({**self.fields("chat.completion.chunk"), "choices": [choice]})

    def completion(self, turn: ConversationTurn) -> dict[str, Any]:
        message = {"role": "assistant", "content": turn.content}
        choice = {"index": 0, "message": message, "finish_reason": turn.finish_reason}
        return {**self.fields("chat.completion"), "choices": [choice], "usage": _usage(turn)}


def _usage(turn: ConversationTurn) -> dict[str, int]:
    """Token counts as in OpenAI's interface, and how many messages the window left out or cut."""
    counts = {name: count for name, count in asdict(turn).items() if isinstance(count, int)}
    total = turn.prompt_tokens + turn.completion_tokens
    return {name: counts.pop(name) for name in ("prompt_tokens", "completion_tokens")} | {"total_tokens": total} | counts


def _sent(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
