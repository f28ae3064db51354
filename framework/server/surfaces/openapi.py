"""The OpenAPI document, made from what the codecs say of their requests and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Limits, Settings
from framework.server.surfaces.asked import IGNORED, NEUTRAL, PASSED_ON, WORDS
from framework.server.surfaces.recommend import FOUND, MOST_ADDED, MOST_FOUND

Schema = dict[str, Any]
REFUSALS = {
    400: "The body is not JSON in UTF-8",
    401: "No key, or a wrong one",
    404: "No such path or model",
    408: "The body did not arrive in time",
    413: "Over a limit: bytes of the body, inputs, characters of an input",
    415: "The body has a Content-Encoding other than gzip",
    422: "JSON of another shape; the message says which input and why",
    429: "Too many inputs wait; Retry-After says when to try again",
    503: "The model is being loaded and checked, or the server is stopping",
    504: "No answer in time",
}
ADMIN = {401: "No key, or a wrong one", 403: "The server has no key", 409: "Refused; nothing was changed anywhere"}
_TEXT = {"type": "string"}
ERROR = {"type": "object", "required": ["error", "request_id"], "properties": {"error": _TEXT, "request_id": _TEXT}}
ADDITION = {
    "type": "object",
    "required": ["item", "text"],
    "properties": {
        "item": {"type": "string", "minLength": 1, "description": "A new id"},
        "text": {"type": "string", "minLength": 1, "description": "What the item is, in words"},
        "title": {"type": "string", "minLength": 1, "description": "Shown with answers; without it the text"},
        "values": {
            "type": "object",
            "description": "Values to filter by, by column",
            "additionalProperties": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        },
    },
    "additionalProperties": False,
}
ADDED = {"model": _TEXT, "version": _TEXT, "added": {"type": "array", "items": _TEXT}}
NAMED = {"type": "object", "properties": {"model": {"type": "string", "minLength": 1}}, "additionalProperties": False}


_COUNT = {"type": "integer", "minimum": 0}
_MESSAGE = {"type": "object", "properties": {"role": {"enum": ["assistant"]}, "content": _TEXT}}
_CHOICE = {"index": _COUNT, "message": _MESSAGE, "finish_reason": {"enum": ["stop", "length"]}}
_DROPPED = {**_COUNT, "description": "The oldest messages, which the model's window has no room for"}
_SHORTENED = {**_COUNT, "description": "Messages of which only a part was read"}
_TOKENS = {"prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT}
_USAGE = {**_TOKENS, "dropped_messages": _DROPPED, "shortened_messages": _SHORTENED}
CHAT_RESPONSE = {
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
CHAT_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "object", "properties": {"message": _TEXT, "type": _TEXT}}, "request_id": _TEXT},
}
CHUNKS = (
    'data: {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "talk", '
    '"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": null}]}\n\ndata: [DONE]\n\n'
)


def document(shelf: ModelStore, settings: Settings) -> Schema:
    """OpenAPI 3.0.3 with the fields, labels and a working example of every model that is loaded."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": ERROR}
    for name, served in shelf.current.items():
        request, response = f"{name}-request", f"{name}-response"
        schemas |= {f"{name}-input": served.interface.request, f"{name}-prediction": served.interface.response}
        schemas |= {request: _request(name, settings.limits), response: _response(name)}
        operation = _predict(served, request, response)
        if name == settings.chosen(None):
            paths["/v1/predict"] = {"post": {**operation, "operationId": "predict"}}
        paths[f"/v1/models/{name}/predict"] = {"post": {**operation, "operationId": f"predict-{name}"}}
        paths[f"/v1/models/{name}"] = {
            "get": _get(f"What answers as {name}, and the schemas of its inputs and predictions", 401, 404)
        }
        if served.interface.recommends:
            paths |= _catalogue(served, name == settings.chosen(None))
            schemas[f"{name}-recommendation"] = _with_model(served.interface.response)
    if chats := [served for served in shelf.current.values() if served.interface.chat]:
        schemas |= {f"{served.name}-chat-request": _chat_request(served, settings.chosen(None)) for served in chats}
        schemas |= {"chat-response": CHAT_RESPONSE, "chat-error": CHAT_ERROR}
        paths["/v1/chat/completions"] = {"post": _chat(chats)}
    paths |= {
        "/v1/models": {"get": _get("The models, their versions and devices", 401)},
        "/healthz": {"get": _get("Whether the process works", open_to_all=True)},
        "/readyz": {
            "get": _get("200 once every checksum holds and every golden example came out as sealed", 503, open_to_all=True)
        },
        "/metrics": {"get": _get("Metrics for Prometheus", open_to_all=True, content="text/plain")},
        "/admin/swap": {
            "post": _change("Opens the artifacts again where they were found at the start, proves them, and switches")
        },
        "/admin/rollback": {"post": _change("Goes back to the version that answered before")},
    }
    keys = {"key": {"type": "http", "scheme": "bearer", "description": "The server's key, if it was started with one"}}
    info = {"title": "recipe-framework", "version": version("recipe-framework"), "description": _about(shelf)}
    return {
        "openapi": "3.0.3",
        "info": info,
        "servers": [{"url": settings.root_path or "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": keys},
        "security": [{"key": []}] if settings.keys.api else [],
    }


def _about(shelf: ModelStore) -> str:
    lines = [f"- **{name}**: {served.model.manifest.task}, version {served.version}" for name, served in shelf.current.items()]
    return "\n".join(["Models served here:", *lines])


def _request(name: str, limits: Limits) -> Schema:
    one = {"$ref": f"#/components/schemas/{name}-input"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": limits.inputs}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {"inputs": {"anyOf": [many, one]}},
        "additionalProperties": False,
    }


def _response(name: str) -> Schema:
    predictions = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}-prediction"}}
    properties = {"model": _TEXT, "version": _TEXT, "predictions": predictions}
    return {"type": "object", "required": list(properties), "properties": properties}


def _predict(served: LoadedModel, request: str, response: str) -> Schema:
    example = {"inputs": [served.interface.example]}
    return {
        "summary": f"Answers one or many inputs with {served.name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(request), "example": example}}},
        "responses": {
            "200": {
                "description": "A prediction for each input, in order",
                "content": {"application/json": {"schema": _ref(response)}},
            },
            **_refusals(REFUSALS),
        },
    }


def _with_model(response: Mapping[str, Any]) -> Schema:
    properties = {"model": _TEXT, "version": _TEXT, **response["properties"]}
    return {**response, "required": ["model", "version", *response["required"]], "properties": properties}


def _catalogue(served: LoadedModel, first: bool) -> dict[str, Any]:
    """The paths of a model that recommends; under short names too where it is the first."""
    name = served.name
    body = {"schema": _ref(f"{name}-input"), "example": served.interface.example}
    content = {"application/json": {"schema": _ref(f"{name}-recommendation")}}
    answer = {"content": content, "description": "Items, the best first"}
    recommend = {
        "summary": f"Items for a user or a history, by {name}",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": answer, **_refusals(REFUSALS)},
    }
    query = [
        {"name": "search", "in": "query", "schema": _TEXT, "description": "Part of a title or an id"},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND, "default": FOUND}},
    ]
    items = {"type": "array", "items": ADDITION, "minItems": 1, "maxItems": MOST_ADDED}
    added = {"type": "object", "required": ["items"], "properties": {"items": items}, "additionalProperties": False}
    example = {"items": [{"item": "new-1", "text": "Title, genre, description"}]}
    kept = {"type": "object", "required": ["model", "version", "added"], "properties": ADDED}
    add = {
        "summary": f"Adds items to {name} by their texts, all or none, in every process and for good",
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": added, "example": example}}},
        "responses": {
            "200": {"description": "The ids that were added", "content": {"application/json": {"schema": kept}}},
            **_refusals({**REFUSALS, **ADMIN, 409: "It cannot be kept beside the artifact; nothing was added"}),
        },
    }
    find = {**_get(f"Items of {name} whose title or id holds a text", 401, 404, 422, 503), "parameters": query}
    found: dict[str, Any] = {}
    for path, suffix in ((f"/v1/models/{name}", f"-{name}"), *([("/v1", "")] if first else [])):
        found[f"{path}/recommend"] = {"post": {**recommend, "operationId": f"recommend{suffix}"}}
        found[f"{path}/items"] = {
            "get": {**find, "operationId": f"items{suffix}"},
            "post": {**add, "operationId": f"add{suffix}"},
        }
    return found


def _chat(chats: Sequence[LoadedModel]) -> Schema:
    requests = [_ref(f"{served.name}-chat-request") for served in chats]
    example = {"model": chats[0].name, "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    body = {"schema": requests[0] if len(requests) == 1 else {"anyOf": requests}, "example": example}
    answer = {
        "description": "The next message; with stream true a server-sent event for each piece of it, as it comes",
        "content": {
            "application/json": {"schema": _ref("chat-response")},
            "text/event-stream": {"schema": _TEXT, "example": CHUNKS},
        },
    }
    codes = {**{code: why for code, why in REFUSALS.items() if code != 422}, 400: "Not JSON, or nothing that can be asked"}
    return {
        "operationId": "chat",
        "summary": "Answers the last message of a conversation, as OpenAI's interface does",
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"200": answer, **_refusals(codes, "chat-error"), **_refusals({401: REFUSALS[401]})},
    }


def _chat_request(served: LoadedModel, default: str) -> Schema:
    """What the codec takes, and what OpenAI's interface has beyond it. default: the model that answers where none is named."""
    schema = served.interface.request
    own = next(one["properties"] for one in (schema, *schema.get("anyOf", ())) if "properties" in one)
    properties = {
        "model": {"type": "string", "enum": [served.name]},
        **{name: own[name] for name in PASSED_ON if name in own},
        "stream": {"type": "boolean", "description": "The answer comes in pieces"},
        "stream_options": {
            "type": "object",
            "properties": {"include_usage": {"type": "boolean", "description": "A last piece counts the tokens"}},
        },
        **{name: own["max_tokens"] for name in ("max_tokens", "max_completion_tokens") if "max_tokens" in own},
        **{name: {"enum": [same], "description": f"Nothing else: {WORDS[name]}"} for name, same in NEUTRAL.items()},
        **{name: {"description": "Makes no difference"} for name in IGNORED},
    }
    required = ["messages"] if served.name == default else ["model", "messages"]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _get(summary: str, *refusals: int, open_to_all: bool = False, content: str = "application/json") -> Schema:
    answer = {
        "description": summary,
        "content": {content: {"schema": {"type": "string"} if content == "text/plain" else {"type": "object"}}},
    }
    own: Schema = {"security": []} if open_to_all else {}
    return {"summary": summary, **own, "responses": {"200": answer, **_refusals({code: REFUSALS[code] for code in refusals})}}


def _change(summary: str) -> Schema:
    body = {"content": {"application/json": {"schema": NAMED, "example": {}}}}
    answer = {"description": "The versions that answer now", "content": {"application/json": {"schema": {"type": "object"}}}}
    refusals = _refusals({**ADMIN, **{code: REFUSALS[code] for code in (400, 413, 415, 422)}})
    return {"summary": summary, "security": [{"key": []}], "requestBody": body, "responses": {"200": answer, **refusals}}


def _refusals(codes: dict[int, str], schema: str = "Error") -> Schema:
    content = {"application/json": {"schema": _ref(schema)}}
    return {str(code): {"description": why, "content": content} for code, why in sorted(codes.items())}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
