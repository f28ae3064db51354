"""Dataclasses to plain data, which JSON can hold, and back: the format of manifests and of the files that stages leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from framework.contracts.message import Message

T = TypeVar("T")

TEMPLATE, VALUES = "english template", "values in it"  # unlikely as keys of a plugin's data
UNSEALED: Mapping[str, bool] = {"unsealed": True}
"""Metadata of a field that is not serialized, such as a module."""


def to_plain(value: Any, text: Callable[[str], Any] = str) -> Any:
    """Converts a dataclass to mappings, lists and scalars, without the fields marked `UNSEALED`.

    text: converts every string; `with_template` keeps messages translatable. Raises TypeError for any other object.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: to_plain(getattr(value, part.name), text) for part in fields(value) if not _unsealed(part.metadata)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, text) for key, item in value.items()}
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence):
        return [to_plain(item, text) for item in value]
    if isinstance(value, bool | int | float | NoneType):
        return value
    if hasattr(value, "item"):  # a scalar of numpy
        return value.item()
    raise TypeError(f"{value!r} of type {type(value).__name__} is no plain data")


def with_template(value: str) -> Any:
    """Converts a message to its template and values, so that a later process can translate it; other strings stay."""
    if isinstance(value, Message):
        return {TEMPLATE: value.template, VALUES: to_plain(value.values, with_template)}
    return str(value)


def revived(content: dict[str, Any]) -> Any:
    """Converts the output of `with_template` back to messages, as ``json.loads(..., object_hook=revived)``."""
    return Message(content[TEMPLATE], content[VALUES]) if content.keys() == {TEMPLATE, VALUES} else content


def from_plain(kind: type[T], content: Any) -> T:
    """The dataclass `kind` from its `to_plain` form. Raises ValueError naming a key that is missing, unknown or mistyped."""
    value: T = _read(kind, content, kind.__name__)
    return value


def _read(kind: Any, content: Any, place: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return content
    if origin in (Union, UnionType):
        return _read_one_of(arguments, content, place)
    if origin is Literal:
        return _checked(content in arguments, content, place)
    if is_dataclass(kind):
        return _read_dataclass(kind, content, place)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _checked(isinstance(content, Mapping), content, place)
        return {key: _read(arguments[1], item, f"{place}.{key}") for key, item in content.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return _read_sequence(arguments, content, place)
    if kind is float:
        return float(_checked(isinstance(content, int | float) and not isinstance(content, bool), content, place))
    if kind is int:
        return _checked(isinstance(content, int) and not isinstance(content, bool), content, place)
    return _checked(isinstance(content, kind), content, place)


def _read_one_of(kinds: Sequence[Any], content: Any, place: str) -> Any:
    if content is None and NoneType in kinds:
        return None
    problems = []
    for kind in kinds:
        try:
            return _read(kind, content, place)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(problems[0])


def _read_dataclass(kind: Any, content: Any, place: str) -> Any:
    _checked(isinstance(content, Mapping), content, place)
    sealed = {part.name: part for part in fields(kind) if not _unsealed(part.metadata)}
    required = [name for name, part in sealed.items() if part.default is MISSING and part.default_factory is MISSING]
    unknown = sorted(content.keys() - sealed.keys())
    missing = [name for name in required if name not in content]
    if unknown or missing:
        raise ValueError(
            f"{place}: {', '.join([*(f'no {name}' for name in missing), *(f'unknown {name}' for name in unknown)])}"
        )
    types = _types(kind)
    values = {name: _read(types[name], item, f"{place}.{name}") for name, item in content.items()}
    return kind(**{name: value for name, value in values.items() if sealed[name].init})


def _read_sequence(arguments: Sequence[Any], content: Any, place: str) -> tuple[Any, ...]:
    _checked(isinstance(content, list), content, place)
    kinds = [arguments[0]] * len(content) if len(arguments) == 1 or arguments[-1] is Ellipsis else list(arguments)
    _checked(len(kinds) == len(content), content, place)
    return tuple(_read(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(kinds, content, strict=True)))


def _checked(holds: bool, content: Any, place: str) -> Any:
    if not holds:
        raise ValueError(f"{place} is {content!r}")
    return content


@lru_cache(maxsize=256)
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _unsealed(metadata: Mapping[Any, Any]) -> bool:
    return "unsealed" in metadata
