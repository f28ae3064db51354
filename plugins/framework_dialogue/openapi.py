"""The part of the OpenAPI document that describes the chat surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework import STATUSES, OpenApiPart, Schema, ServedModel, reference, refusals
from framework_dialogue.chat_request import IGNORED, NEUTRAL, OPTIONS, REASONS

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_MESSAGE = {"type": "object", "properties": {"role": {"enum": ["assistant"]}, "content": _TEXT}}
_CHOICE = {"index": _COUNT, "message": _MESSAGE, "finish_reason": {"enum": ["stop", "length"]}}
_DROPPED = {**_COUNT, "description": "The oldest messages, which the model's window has no room for"}
_SHORTENED = {**_COUNT, "description": "Messages of which only a part was read"}
_TOKENS = {"prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT}
_USAGE = {**_TOKENS, "dropped_messages": _DROPPED, "shortened_messages": _SHORTENED}
RESPONSE = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "object": {"enum": ["chat.completion"]},
        "created": {**_COUNT, "description": "Seconds since 1970"},
        "model": _TEXT,
        "choices": {"type": "array", "items": {"type": "object", "properties": _CHOICE}},
        "usage": {"type": "object", "properties": _USAGE},
    },
}
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "object", "properties": {"message": _TEXT, "type": _TEXT}}, "request_id": _TEXT},
}
CHUNKS = (
    'data: {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "talk", '
    '"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": null}]}\n\ndata: [DONE]\n\n'
)


def part(path: str, models: Sequence[ServedModel]) -> OpenApiPart:
    """The operation at a path, and a schema of requests for each model."""
    requests = {f"{model.name}-chat-request": _request(model) for model in models}
    schemas: dict[str, Schema] = {**requests, "chat-response": RESPONSE, "chat-error": ERROR}
    return OpenApiPart({path: {"post": _operation(models[0].name, [reference(name) for name in requests])}}, schemas)


def _operation(first: str, requests: Sequence[Schema]) -> Schema:
    example = {"model": first, "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    body = {"schema": requests[0] if len(requests) == 1 else {"anyOf": list(requests)}, "example": example}
    answer = {
        "description": "The next message; with stream true a server-sent event for each piece of it, as it comes",
        "content": {
            "application/json": {"schema": reference("chat-response")},
            "text/event-stream": {"schema": _TEXT, "example": CHUNKS},
        },
    }
    statuses = {**{code: why for code, why in STATUSES.items() if code != 422}, 400: "Not JSON, or nothing that can be asked"}
    return {
        "operationId": "chat",
        "summary": "Answers the last message of a conversation, as OpenAI's interface does",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": answer, **refusals(statuses, "chat-error")},
    }


def _request(model: ServedModel) -> Schema:
    """The schema of a model's chat requests: properties from the codec's interface, and further ones of OpenAI's interface."""
    schema: Any = model.interface.request
    of_codec = next(option["properties"] for option in (schema, *schema.get("anyOf", ())) if "properties" in option)
    properties = {
        "model": {"type": "string", "enum": [model.name]},
        **{name: of_codec[name] for name in ("messages", *OPTIONS) if name in of_codec},
        "stream": {"type": "boolean", "description": "The answer comes in pieces"},
        "stream_options": {
            "type": "object",
            "properties": {"include_usage": {"type": "boolean", "description": "A last piece counts the tokens"}},
        },
        **{name: of_codec["max_tokens"] for name in ("max_tokens", "max_completion_tokens") if "max_tokens" in of_codec},
        **{name: {"enum": [same], "description": f"Nothing else: {REASONS[name]}"} for name, same in NEUTRAL.items()},
        **{name: {"description": "Makes no difference"} for name in IGNORED},
    }
    required = ["messages"] if model.first else ["model", "messages"]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
