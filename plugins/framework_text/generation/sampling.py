"""The sampling options of a request, and their validation. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework import message, nearest
from framework_text.generation.decoding import Sampling

DRAWN: Mapping[str, Mapping[str, Any]] = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 10, "description": message("0 takes the likeliest token")},
    "top_p": {"type": "number", "minimum": 0.001, "maximum": 1},
    "top_k": {"type": "integer", "minimum": 0, "maximum": 1000000, "description": message("0 is all")},
    "repetition_penalty": {"type": "number", "minimum": 0.1, "maximum": 10},
    "seed": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
}


def sampling_of(request: Mapping[str, Any], default: Sampling) -> Sampling:
    """`default` with the options that the request sets. A temperature above 0 turns beam search off."""
    options = {name: request[name] for name in DRAWN if name in request}
    return replace(default, **{**options, **({"beams": 1} if options.get("temperature") else {})})


def option_problems(request: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Problems of the numbers in a request. options: JSON Schemas by name."""
    return [
        problem for name, schema in options.items() if name in request and (problem := _problem(name, request[name], schema))
    ]


def unknown_keys(request: Mapping[str, Any], keys: list[str]) -> list[str]:
    """A problem for each key of a request that is not among `keys`."""
    return [f"unknown key {str(key)[:100]!r}; {nearest(str(key), keys, 'keys')}" for key in request if key not in keys]


def _problem(name: str, value: Any, schema: Mapping[str, Any]) -> str | None:
    kinds = (int,) if schema["type"] == "integer" else (int, float)
    low, high = schema["minimum"], schema.get("maximum", float("inf"))
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        bounds = f"of at least {low}" if high == float("inf") else f"from {low} to {high}"
        return f"{name}={str(value)[:50]} must be {'an integer' if kinds == (int,) else 'a number'} {bounds}"
    return None
