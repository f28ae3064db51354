"""JSON Schemas of the requests and responses of a recommender. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework import message
from framework_recommendation.requests import LONGEST, MOST

MAX_LISTED = 50  # values of a column that a schema enumerates, at most
_TEXT_OR_NUMBER = [{"type": "string"}, {"type": "number"}]
_ID: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}


def request_schema(k: int, columns: Mapping[str, Sequence[str]], fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The schema of a request.

    k: items of an answer by default. columns: filter column -> values. fields: attribute -> values; empty for numbers.
    """
    instead = message("Item ids, the newest last; it takes the place of what is known of the user")
    count, values = message("How many items are wanted"), message("Values that items must have")
    newcomer = message("Of somebody without a history")
    ids = {"type": "array", "items": _ID, "maxItems": LONGEST}
    properties: dict[str, Any] = {
        "user": {**_ID, "description": message("Somebody of the training data, whose history is known")},
        "history": {**ids, "description": instead},
        "k": {"type": "integer", "minimum": 1, "maximum": MOST, "default": k, "description": count},
        "exclude": {**ids, "description": message("Item ids that are not wanted")},
        "filter": {**_object({c: _one_or_more(v) for c, v in columns.items()}), "description": values},
        "attributes": {**_object({n: _choice(v) for n, v in fields.items()}), "description": newcomer},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _choice(values: Sequence[str]) -> dict[str, Any]:
    """The schema of an attribute: an enumeration of few values, else any text or number."""
    return {"type": "string", "enum": list(values)} if 0 < len(values) <= MAX_LISTED else {"anyOf": _TEXT_OR_NUMBER}


def _one_or_more(values: Sequence[str]) -> dict[str, Any]:
    """The schema of a filter value: a text, or a list of texts."""
    text = {"type": "string", "enum": list(values)} if len(values) <= MAX_LISTED else {"type": "string"}
    return {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}


def response_schema() -> dict[str, Any]:
    item = {
        "type": "object",
        "required": ["item", "popularity", "score"],
        "properties": {
            "item": {"type": "string"},
            "title": {"type": "string"},
            "popularity": {"type": "number", "description": "Share of all that was taken in training"},
            "score": {"type": "number"},
        },
    }
    paths = {
        "type": "string",
        "enum": ["user", "history", "attributes", "popularity"],
        "description": "What it rests on: what is known of the user, the history of the request, attributes, or nothing",
    }
    properties = {
        "items": {"type": "array", "items": item},
        "path": paths,
        "unknown": {"type": "array", "items": {"type": "string"}, "description": "Ids that are not in the catalogue"},
        "known_user": {"type": "boolean"},
    }
    return {"type": "object", "required": ["items", "path", "unknown"], "properties": properties}
