"""Checks overrides KEY=VALUE of a recipe: their syntax, group choices, keys and the types of their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from framework.errors import InputError, nearest

WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def parse(argument: str) -> Override:
    """Parses an override with Hydra. Raises InputError with advice if Hydra cannot parse it."""
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException as error:
        key, equals, value = argument.partition("=")
        if not equals or not value:
            raise InputError(f"{argument!r} is not KEY=VALUE") from error
        way = f"in quotes the value is a text as it stands: {key}='\"{value}\"'"
        if value.startswith("{"):
            way = "names in a mapping can be written in a recipe of your own, recipes/recipe/NAME.yaml"
        raise InputError(f"{argument!r} is not KEY=VALUE as Hydra reads it, {_first(error)}; {way}") from error


def _first(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def sweep_problems(overrides: list[Override]) -> Iterator[str]:
    """A problem for each override with several values, which needs the flag -m."""
    for override in overrides:
        if override.is_sweep_override():
            yield f"{override.input_line}: this asks for a run for each value: add -m; a list as one value is written [a,b]"


def contradictions(overrides: list[Override]) -> Iterator[str]:
    """A problem for each target that is set to different values."""
    targets: dict[str, Override] = {}
    for override in overrides:
        key = override.key_or_group
        first = targets.setdefault(key, override) if key.startswith("target.") else override
        if first.value() != override.value() and first is not override:
            yield f"{first.input_line} and {override.input_line} contradict each other: write one of them"


def choices(override: Override) -> list[str]:
    """The names that an override of a group chooses, over all values of a sweep."""
    values = list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.get_value_element_as_str()]
    names = [name.strip("'\" ") for value in values for name in str(value).strip("[]").split(",")]
    return [name for name in names if name and name != "null"]


def unknown_choices(override: Override, available: Mapping[str, list[str]]) -> Iterator[str]:
    """A problem for each chosen name that the group of the override does not have. available: names by group."""
    group = override.key_or_group
    for name in choices(override):
        if name not in available[group]:
            yield f"no {group} {name!r}; {nearest(name, available[group])}"


def unknown_keys(overrides: list[Override], config: DictConfig) -> Iterator[str]:
    """A problem for each override whose key is not in the composed recipe, or whose value has the wrong type."""
    for override in overrides:
        key = override.key_or_group
        if key.startswith("hydra"):
            continue
        parent, _, last = key.rpartition(".")
        section = OmegaConf.select(config, parent, default=None) if parent else config
        adds = override.is_add() or override.is_force_add()
        if adds and isinstance(section, DictConfig) and not is_dataclass(OmegaConf.get_type(section)):
            continue  # any key may be added to a mapping without a type
        if not isinstance(section, DictConfig) or last not in section:
            yield f"no key {key!r}; {_nearest_key(key, config)}"
        elif not override.is_delete() and not override.is_sweep_override():
            yield from _wrong_type(key, override.value(), config)


def _wrong_type(key: str, value: Any, config: DictConfig) -> Iterator[str]:
    trial = config.copy()
    try:
        OmegaConf.update(trial, key, value)
    except OmegaConfBaseException as error:
        expected, current = expected_at(key, config) or _first(error), OmegaConf.select(config, key)
        yield f"{key}={_written(value)}: {expected}" + (
            "" if OmegaConf.is_dict(current) else f"; it is {_written(current)} now"
        )


def expected_at(key: str, config: DictConfig) -> str | None:
    """What to write as a key's value, from the type of its field; None if its section is not typed."""
    parent, _, name = key.rpartition(".")
    section = OmegaConf.get_type(OmegaConf.select(config, parent) if parent else config)
    if section is None or not is_dataclass(section):
        return None
    hint = get_type_hints(section).get(name, Any)
    if isinstance(hint, type) and is_dataclass(hint):
        return f"it is a section: write {key}.NAME=VALUE"
    return None if hint is Any else f"write {_words(hint)}"


def _words(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        alternatives = " or ".join(_words(member) for member in get_args(hint) if member is not NoneType)
        return alternatives + ", or null" * (NoneType in get_args(hint))
    if get_origin(hint) is list:
        return "a list of texts, [a,b]" if get_args(hint) == (str,) else "a list, [a,b]"
    if get_origin(hint) is dict:
        return "a mapping, {name: value}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"one of {', '.join(hint.__members__)}"
    return WORDS.get(hint, str(hint))


def _written(value: Any) -> str:
    """A value as it is written on a command line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list | ListConfig):
        return f"[{','.join(map(_written, value))}]"
    return value.name if isinstance(value, Enum) else str(value)


def _nearest_key(key: str, config: DictConfig) -> str:
    """A hint with the keys of the deepest existing section of `key`, and the most similar of these keys."""
    parts = key.split(".")[:-1]
    while parts and not isinstance(OmegaConf.select(config, ".".join(parts), default=None), DictConfig):
        parts.pop()
    section = OmegaConf.select(config, ".".join(parts)) if parts else config
    prefix = ".".join(parts)
    names = [".".join([*parts, str(name)]) for name in section]
    return nearest(key, names, f"keys of {prefix or 'a recipe'}")
