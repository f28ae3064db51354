"""The JSON schema of the manifest and its table in the docs, both made from the dataclasses in `manifest`.

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
INSIDE = {"pattern": r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$"}  # schema of file paths: none leads out of the artifact


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of manifest.json, draft 2020-12."""
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
    """The lines of a Markdown table of the manifest's keys. A field without a description has that of its type, a dataclass."""
    descriptions, types = field_descriptions(Manifest), get_type_hints(Manifest)
    rows = [(key.name, descriptions.get(key.name) or _class_description(types[key.name])) for key in fields(Manifest)]
    return ["| key | what |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows)]


def _class_description(kind: Any) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0] if is_dataclass(kind) else ""


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    types, descriptions = get_type_hints(kind), field_descriptions(kind)
    names = [key.name for key in fields(kind) if UNSEALED.keys().isdisjoint(key.metadata)]
    properties = {}
    for name in names:
        properties[name] = _schema(types[name], definitions)
        if name in descriptions:
            properties[name] = {**properties[name], "description": descriptions[name]}
    return {
        "type": "object",
        "description": (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " "),
        "additionalProperties": False,
        "required": names,
        "properties": properties,
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]
        if name not in definitions:
            definitions[name] = {}  # ends the recursion for a class with a field of its own type
            definitions[name] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(option, definitions) for option in arguments]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        values = arguments[1]
        return {"type": "object"} | ({} if values is Any else {"additionalProperties": _schema(values, definitions)})
    if isinstance(origin, type) and issubclass(origin, Sequence):
        any_length = len(arguments) == 1 or arguments[-1] is Ellipsis
        length = {} if any_length else {"minItems": len(arguments), "maxItems": len(arguments)}
        return {"type": "array", "items": _schema(arguments[0], definitions), **length}
    raise TypeError(f"{kind} has no schema")


def field_descriptions(kind: type) -> dict[str, str]:
    """Name of each field of a dataclass -> the string literal under the field, in one line."""
    return {name: " ".join(text.split()) for name, text in _field_literals(kind)}


def _field_literals(kind: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            yield field.target.id, text.value.value  # type: ignore[attr-defined]


def schema_text() -> str:
    """The content of manifest.schema.json."""
    return json.dumps(manifest_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
