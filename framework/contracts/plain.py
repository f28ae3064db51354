"""Dataclasses as plain data, as JSON holds it, and back: how stages of a run and artifacts leave what they know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from framework.contracts.message import Message

T = TypeVar("T")

TEMPLATE, VALUES = "english template", "values in it"  # keys that no plain data of plugins have
UNSEALED: Mapping[str, bool] = {"unsealed": True}  # metadata of a field that lives in a process only


def to_plain(value: Any, text: Callable[[str], Any] = str) -> Any:
    """A dataclass as mappings, lists and scalars. Fields marked `UNSEALED` are left out.

    text: what stands for a string; `with_template` keeps messages translatable.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: to_plain(getattr(value, one.name), text) for one in fields(value) if not _unsealed(one.metadata)}
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
    """A message with its template and values, so that a later process can translate it; any other string as it is."""
    if isinstance(value, Message):
        return {TEMPLATE: value.template, VALUES: to_plain(value.values, with_template)}
    return str(value)


def revived(content: dict[str, Any]) -> Any:
    """For ``json.loads(..., object_hook=revived)``: the messages that `with_template` kept."""
    return Message(content[TEMPLATE], content[VALUES]) if content.keys() == {TEMPLATE, VALUES} else content


def from_plain(kind: type[T], content: Any) -> T:
    """A dataclass from what `to_plain` made of it. Raises ValueError naming what is missing, unknown or of another type."""
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
    known = {one.name: one for one in fields(kind) if not _unsealed(one.metadata)}
    unknown = sorted(content.keys() - known.keys())
    missing = [
        name for name, one in known.items() if name not in content and one.default is MISSING and one.default_factory is MISSING
    ]
    if unknown or missing:
        raise ValueError(
            f"{place}: {', '.join([*(f'no {name}' for name in missing), *(f'unknown {name}' for name in unknown)])}"
        )
    types = _types(kind)
    values = {name: _read(types[name], item, f"{place}.{name}") for name, item in content.items()}
    return kind(**{name: value for name, value in values.items() if known[name].init})


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
