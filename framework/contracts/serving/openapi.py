"""Parts of an OpenAPI 3.0 document, with which surfaces describe their paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
STATUSES: Mapping[int, str] = {
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
ADMIN_STATUSES: Mapping[int, str] = {
    401: "No key, or a wrong one",
    403: "The server has no key",
    409: "Refused; nothing was changed anywhere",
}


@dataclass(frozen=True)
class OpenApiPart:
    """The part of the document that a surface adds."""

    paths: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    """Operations by path and method, the method in lower case."""
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    """Component schemas by name; a name begins with that of the surface or of a model."""


def reference(name: str) -> Schema:
    """A reference to a component schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def refusals(statuses: Mapping[int, str], schema: str = "Error") -> Schema:
    """The error responses of an operation, by status. schema: the component schema of their bodies."""
    content = {"application/json": {"schema": reference(schema)}}
    return {str(status): {"description": why, "content": content} for status, why in sorted(statuses.items())}


def operation(
    summary: str,
    response: Schema,
    answer: str = "The answer",
    request: Schema | None = None,
    example: Any = None,
    statuses: Mapping[int, str] = STATUSES,
    **more: Any,
) -> Schema:
    """One operation. response, request: schemas of the bodies. answer: description of the response. more: further keys."""
    described: Schema = {"summary": summary, **more}
    if request is not None:
        media = {"schema": request} if example is None else {"schema": request, "example": example}
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    content = {"application/json": {"schema": response}}
    described["responses"] = {"200": {"description": answer, "content": content}, **refusals(statuses)}
    return described


def model_parameter(names: Iterable[str]) -> Schema:
    """The path parameter ``{name}`` of a model, one of `names`."""
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": list(names)}}
