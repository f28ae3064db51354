"""``POST /v1/predict``: answers one input or many, in the form that `framework.load(...).predict` takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from framework import (
    Exchange,
    Limits,
    OpenApiPart,
    Page,
    RefusedError,
    Reply,
    Route,
    Schema,
    ServedModel,
    Surface,
    message,
    nearest,
    operation,
    reference,
    some,
)

KEYS = 50  # keys of an invalid body, at most, among which `nearest` looks for a misspelling
PATHS = ("/v1/predict", "/v1/models/{name}/predict")


class Predict(Surface):
    """Serves every model."""

    name: ClassVar[str] = "predict"
    page: ClassVar[Page] = Page(message("Try the model"), PATHS[1], listed=("inputs", "predictions"))

    def routes(self) -> Sequence[Route]:
        return [Route("POST", path, self.answer) for path in PATHS]

    async def answer(self, exchange: Exchange) -> Reply:
        model = exchange.model()
        example = {"inputs": [model.interface.example]}
        inputs = _inputs(await exchange.json(example), example)
        predictions = await exchange.answers(model, inputs)
        return {"model": model.name, "version": model.version, "predictions": predictions}

    def openapi(self, models: Sequence[ServedModel], limits: Limits) -> OpenApiPart:
        paths: dict[str, dict[str, Schema]] = {}
        schemas: dict[str, Schema] = {}
        for model in models:
            name = model.name
            schemas |= {f"{name}-request": _request(name, limits.inputs), f"{name}-response": _response(name)}
            for path, suffix in ((PATHS[1].replace("{name}", name), f"-{name}"), *([(PATHS[0], "")] if model.first else [])):
                paths[path] = {"post": _operation(model, f"predict{suffix}")}
        return OpenApiPart(paths, schemas)


def _inputs(body: Any, example: Any) -> list[Any]:
    """The inputs in a parsed body. Raises RefusedError for an invalid body. example: a valid body, for messages."""
    if not isinstance(body, dict) or "inputs" not in body:
        hint = f"; {nearest('inputs', list(body)[:KEYS], 'it has')}" if isinstance(body, dict) else ""
        raise RefusedError(422, f"the body is an object with the key inputs{hint}; for example {_json(example)}")
    if unknown := body.keys() - {"inputs"}:
        raise RefusedError(422, f"the body has only the key inputs, not {some(sorted(unknown))}")
    inputs = body["inputs"] if isinstance(body["inputs"], list) else [body["inputs"]]
    if not inputs:
        raise RefusedError(422, f"inputs is empty; for example {_json(example)}")
    return inputs


def _json(example: Any) -> str:
    return json.dumps(example, ensure_ascii=False)


def _request(name: str, limit: int) -> Schema:
    item = reference(f"{name}-input")
    items = {"type": "array", "items": item, "minItems": 1, "maxItems": limit}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {"inputs": {"anyOf": [items, item]}},
        "additionalProperties": False,
    }


def _response(name: str) -> Schema:
    predictions = {"type": "array", "items": reference(f"{name}-prediction")}
    properties = {"model": {"type": "string"}, "version": {"type": "string"}, "predictions": predictions}
    return {"type": "object", "required": list(properties), "properties": properties}


def _operation(model: ServedModel, name: str) -> Schema:
    return operation(
        f"Answers one or many inputs with {model.name}",
        reference(f"{model.name}-response"),
        "A prediction for each input, in order",
        reference(f"{model.name}-request"),
        {"inputs": [model.interface.example]},
        operationId=name,
    )
