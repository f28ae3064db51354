"""The OpenAPI document, made from what the codecs say of their requests and responses."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from framework.server.settings import Limits, Settings
from framework.server.shelf import Served, Shelf

Schema = dict[str, Any]
REFUSALS = {
    400: "The body is not JSON in UTF-8",
    401: "No key, or a wrong one",
    404: "No such path or model",
    408: "The body did not arrive in time",
    413: "Over a limit: bytes of the body, inputs, characters of an input",
    422: "JSON of another shape; the message says which input and why",
    429: "Too many inputs wait; Retry-After says when to try again",
    503: "The model is being loaded and checked, or the server is stopping",
    504: "No answer in time",
}
ADMIN = {401: "No key, or a wrong one", 403: "The server has no key", 409: "Refused; nothing was changed anywhere"}
_TEXT = {"type": "string"}
ERROR = {"type": "object", "required": ["error", "request_id"], "properties": {"error": _TEXT, "request_id": _TEXT}}
NAMED = {"type": "object", "properties": {"model": {"type": "string", "minLength": 1}}, "additionalProperties": False}


def document(shelf: Shelf, settings: Settings) -> Schema:
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
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": keys},
        "security": [{"key": []}] if settings.keys.api else [],
    }


def _about(shelf: Shelf) -> str:
    lines = [
        f"- **{name}**: {served.model.manifest['task']}, version {served.version}" for name, served in shelf.current.items()
    ]
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


def _predict(served: Served, request: str, response: str) -> Schema:
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
    refusals = _refusals({**ADMIN, **{code: REFUSALS[code] for code in (400, 413, 422)}})
    return {"summary": summary, "security": [{"key": []}], "requestBody": body, "responses": {"200": answer, **refusals}}


def _refusals(codes: dict[int, str]) -> Schema:
    content = {"application/json": {"schema": _ref("Error")}}
    return {str(code): {"description": why, "content": content} for code, why in sorted(codes.items())}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
