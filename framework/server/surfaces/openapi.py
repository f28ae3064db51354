"""Makes the OpenAPI document: the paths of the server itself and those of the surfaces."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

from framework.contracts.serving.openapi import ADMIN_STATUSES, STATUSES, OpenApiPart, Schema, refusals
from framework.server.logs import log
from framework.server.model_store import ModelStore
from framework.server.settings import Settings
from framework.server.surfaces.registry import BoundSurface

_TEXT = {"type": "string"}
ERROR = {"type": "object", "required": ["error", "request_id"], "properties": {"error": _TEXT, "request_id": _TEXT}}
NAMED = {"type": "object", "properties": {"model": {"type": "string", "minLength": 1}}, "additionalProperties": False}


def document(store: ModelStore, settings: Settings) -> Schema:
    """The document, OpenAPI 3.0.3, with the fields, labels and a working example of every loaded model."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths: dict[str, Any] = _server_paths(store)
    for name, served in store.current.items():
        schemas |= {f"{name}-input": served.interface.request, f"{name}-prediction": served.interface.response}
    for bound in store.surfaces:
        part = _part(bound, store, settings)
        paths = {**part.paths, **paths}
        schemas = {**part.schemas, **schemas}
    keys = {"key": {"type": "http", "scheme": "bearer", "description": "The server's key, if it was started with one"}}
    info = {"title": "recipe-framework", "version": version("recipe-framework"), "description": _about(store)}
    return {
        "openapi": "3.0.3",
        "info": info,
        "servers": [{"url": settings.root_path or "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": keys},
        "security": [{"key": []}] if settings.keys.api else [],
    }


def _part(bound: BoundSurface, store: ModelStore, settings: Settings) -> OpenApiPart:
    """What a surface adds for the models that it serves; empty where it serves no model, or raises an error."""
    models = [served for served in store.current.values() if bound.name in served.surfaces]
    try:
        return bound.surface.openapi(models, settings.limits) if models else OpenApiPart()
    except Exception as error:  # an error in a plugin must not prevent the document
        log("a surface cannot be described", logging.ERROR, surface=bound.name, error=f"{type(error).__name__}: {error}")
        return OpenApiPart()


def _server_paths(store: ModelStore) -> dict[str, Any]:
    models = {
        f"/v1/models/{name}": {"get": _get(f"What answers as {name}, and the schemas of its inputs and predictions", 401, 404)}
        for name in store.current
    }
    ready = "200 once every checksum holds and every golden example came out as sealed"
    swap = "Opens the artifacts again where they were found at the start, proves them, and switches"
    return {
        **models,
        "/v1/models": {"get": _get("The models, their versions and devices", 401)},
        "/healthz": {"get": _get("Whether the process works", open_to_all=True)},
        "/readyz": {"get": _get(ready, 503, open_to_all=True)},
        "/metrics": {"get": _get("Metrics for Prometheus", open_to_all=True, content="text/plain")},
        "/admin/swap": {"post": _change(swap)},
        "/admin/rollback": {"post": _change("Goes back to the version that answered before")},
    }


def _about(store: ModelStore) -> str:
    lines = [f"- **{name}**: {served.task}, version {served.version}" for name, served in store.current.items()]
    return "\n".join(["Models served here:", *lines])


def _get(summary: str, *statuses: int, open_to_all: bool = False, content: str = "application/json") -> Schema:
    schema = {"type": "string"} if content == "text/plain" else {"type": "object"}
    answer = {"description": summary, "content": {content: {"schema": schema}}}
    security: Schema = {"security": []} if open_to_all else {}
    responses = {"200": answer, **refusals({code: STATUSES[code] for code in statuses})}
    return {"summary": summary, **security, "responses": responses}


def _change(summary: str) -> Schema:
    body = {"content": {"application/json": {"schema": NAMED, "example": {}}}}
    answer = {"description": "The versions that answer now", "content": {"application/json": {"schema": {"type": "object"}}}}
    responses = {"200": answer, **refusals({**ADMIN_STATUSES, **{code: STATUSES[code] for code in (400, 413, 415, 422)}})}
    return {"summary": summary, "security": [{"key": []}], "requestBody": body, "responses": responses}
