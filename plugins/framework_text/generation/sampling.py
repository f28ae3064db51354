"""What a request may ask about how tokens are chosen, and what is wrong with it. No torch."""

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
    """How a request's tokens are chosen. Where it wants them drawn there is one answer, not several beams."""
    own = {name: request[name] for name in DRAWN if name in request}
    return replace(default, **{**own, **({"beams": 1} if own.get("temperature") else {})})


def problems_of(given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with those of `options`, JSON Schemas of numbers, that are given."""
    return [problem for name, schema in options.items() if name in given and (problem := _wrong(name, given[name], schema))]


def unknown(given: Mapping[str, Any], known: list[str]) -> list[str]:
    return [f"unknown key {str(key)[:100]!r}; {nearest(str(key), known, 'keys')}" for key in given if key not in known]


def _wrong(name: str, value: Any, schema: Mapping[str, Any]) -> str | None:
    kinds = (int,) if schema["type"] == "integer" else (int, float)
    low, high = schema["minimum"], schema.get("maximum", float("inf"))
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        bounds = f"of at least {low}" if high == float("inf") else f"from {low} to {high}"
        return f"{name}={str(value)[:50]} must be {'an integer' if kinds == (int,) else 'a number'} {bounds}"
    return None
