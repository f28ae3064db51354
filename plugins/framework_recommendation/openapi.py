"""The paths and schemas of recommendations and items in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework import ADMIN_STATUSES, STATUSES, OpenApiPart, Schema, ServedModel, operation, reference

ITEMS_EXAMPLE = {"items": [{"item": "new-1", "text": "Title, genre, description"}]}
MOST_ADDED = 64  # items that one request adds, at most
FOUND, MOST_FOUND = 10, 100  # items that a search returns: by default, and at most
_TEXT = {"type": "string"}
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
QUERY = [
    {"name": "search", "in": "query", "schema": _TEXT, "description": "Part of a title or an id"},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND, "default": FOUND}},
]


def part(models: Sequence[ServedModel]) -> OpenApiPart:
    """The paths and schemas of each model; the first model also has the paths without a model name."""
    paths: dict[str, dict[str, Schema]] = {}
    schemas: dict[str, Schema] = {}
    for model in models:
        schemas[f"{model.name}-recommendation"] = _with_model(model.interface.response)
        recommend, find, add = _recommend(model), _find(model.name), _add(model.name)
        for path, suffix in ((f"/v1/models/{model.name}", f"-{model.name}"), *([("/v1", "")] if model.first else [])):
            paths[f"{path}/recommend"] = {"post": {**recommend, "operationId": f"recommend{suffix}"}}
            paths[f"{path}/items"] = {
                "get": {**find, "operationId": f"items{suffix}"},
                "post": {**add, "operationId": f"add{suffix}"},
            }
    return OpenApiPart(paths, schemas)


def _with_model(response: Mapping[str, Any]) -> Schema:
    """The schema of a codec's response with the keys that the server adds."""
    properties = {"model": _TEXT, "version": _TEXT, **response["properties"]}
    return {**response, "required": ["model", "version", *response["required"]], "properties": properties}


def _recommend(model: ServedModel) -> Schema:
    summary, response = f"Items for a user or a history, by {model.name}", reference(f"{model.name}-recommendation")
    request = reference(f"{model.name}-input")
    return operation(summary, response, "Items, the best first", request, model.interface.example)


def _find(name: str) -> Schema:
    summary = f"Items of {name} whose title or id holds a text"
    statuses = {status: STATUSES[status] for status in (401, 404, 422, 503)}
    return operation(summary, {"type": "object"}, summary, statuses=statuses, parameters=QUERY)


def _add(name: str) -> Schema:
    items = {"type": "array", "items": ADDITION, "minItems": 1, "maxItems": MOST_ADDED}
    request = {"type": "object", "required": ["items"], "properties": {"items": items}, "additionalProperties": False}
    response = {"type": "object", "required": list(ADDED), "properties": ADDED}
    statuses = {**STATUSES, **ADMIN_STATUSES, 409: "It cannot be kept beside the artifact; nothing was added"}
    summary = f"Adds items to {name} by their texts, all or none, in every process and for good"
    security: list[Schema] = [{"key": []}]
    return operation(summary, response, "The ids that were added", request, ITEMS_EXAMPLE, statuses, security=security)
