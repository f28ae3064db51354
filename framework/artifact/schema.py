"""The JSON schema of the manifest and its table in the docs, both made from the dataclasses that it is read with.

python -m framework.artifact.schema    writes manifest.schema.json beside this file
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from framework.artifact.manifest import FORMAT, Manifest
from framework.contracts.plain import UNSEALED

FILE = Path(__file__).with_name("manifest.schema.json")
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
INSIDE = {"pattern": r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$"}  # of paths of files: none is outside the artifact


def manifest_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12."""
    definitions: dict[str, Any] = {}
    root = _object(Manifest, definitions)
    root["properties"]["format"] |= {"const": FORMAT}
    root["properties"]["files"] |= {"propertyNames": INSIDE}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:recipe-framework:manifest:{FORMAT}",
        "title": f"manifest.json of a sealed artifact, format {FORMAT}",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def manifest_table() -> list[str]:
    """Lines of Markdown: every key of the manifest, and what it holds."""
    documented = described(Manifest)
    rows = [(one.name, documented.get(one.name) or _said_of(get_type_hints(Manifest)[one.name])) for one in fields(Manifest)]
    return ["| key | what |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows)]


def _said_of(kind: Any) -> str:
    """What the class of a key says of itself."""
    return (inspect.getdoc(kind) or "").splitlines()[0] if is_dataclass(kind) else ""


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    types, documented = get_type_hints(kind), described(kind)
    sealed = [one for one in fields(kind) if UNSEALED.keys().isdisjoint(one.metadata)]
    properties = {}
    for one in sealed:
        properties[one.name] = _schema(types[one.name], definitions)
        if one.name in documented:
            properties[one.name] = {**properties[one.name], "description": documented[one.name]}
    return {
        "type": "object",
        "description": (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " "),
        "additionalProperties": False,
        "required": [one.name for one in sealed],
        "properties": properties,
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]
        if name not in definitions:
            definitions[name] = {}  # known, should it hold itself
            definitions[name] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(one, definitions) for one in arguments]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        held = arguments[1]
        return {"type": "object"} | ({} if held is Any else {"additionalProperties": _schema(held, definitions)})
    if isinstance(origin, type) and issubclass(origin, Sequence):
        several = len(arguments) == 1 or arguments[-1] is Ellipsis
        length = {} if several else {"minItems": len(arguments), "maxItems": len(arguments)}
        return {"type": "array", "items": _schema(arguments[0], definitions), **length}
    raise TypeError(f"{kind} has no schema")


def described(kind: type) -> dict[str, str]:
    """Field -> the text under it, in one line."""
    return {name: " ".join(text.split()) for name, text in _texts(kind)}


def _texts(kind: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            yield field.target.id, text.value.value  # type: ignore[attr-defined]


def written() -> str:
    return json.dumps(manifest_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
