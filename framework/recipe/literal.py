"""Quotes names in overrides for Hydra, so that users write names of files, columns and models without quotes.

An option that holds names says so in the metadata of its field, such as `AS_WRITTEN`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from framework.contracts.data.cells import within
from framework.contracts.options import NAMES_AS_WRITTEN
from framework.plugins import Plugins, load_plugins
from framework.recipe.candidates import shared_sections
from framework.recipe.schema import FILES, data_schema

KIND = "as_written"
SEVERAL, FILE = NAMES_AS_WRITTEN[KIND], FILES[KIND]
FOLDER = "folder"  # the kind of names in which Hydra resolves ${...}, such as ${now:%Y}
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
NOTHING = ("null", "")
QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
ELEMENT = re.compile(rf"\s*(?:{QUOTED})\s*(?=,|$)", re.DOTALL)
FUNCTION = re.compile(r"(?:choice|glob|shuffle|sort)\(.*\)", re.DOTALL)  # functions of Hydra's sweep syntax


def as_written(overrides: Sequence[str], *, sweeps: bool = False) -> list[str]:
    """The overrides with quotes for Hydra around values that are names: everything after the first `=` is the value.

    ``null`` stays null, ``[a,b]`` stays a list where the key allows one (unless a file has that name), and quotes that the user
    wrote around a whole name are replaced. sweeps: whether commas separate the values of a sweep.
    """
    kinds = kinds_of_keys(load_plugins())
    return [_override(override, kinds, sweeps) for override in overrides]


@lru_cache(maxsize=1)
def kinds_of_keys(plugins: Plugins) -> Mapping[str, str]:
    """The kind of name of every key that holds names: the metadata "as_written" of its option, or `FOLDER`."""
    sections: list[tuple[str, type]] = []
    for task in plugins.every_task():
        candidates = plugins.candidates_of(task.name)
        sections += [("data", data_schema(task)), ("task", task.options), *shared_sections(candidates.values()).items()]
        sections += [(f"candidates.{name}", candidate.options) for name, candidate in candidates.items()]
    sections += [(f"export.{exporter.name}", exporter.options) for exporter in plugins.exporters.values()]
    sections += [(f"tracker.{tracker.name}", tracker.options) for tracker in plugins.trackers.values()]
    kinds = dict.fromkeys(FOLDERS, FOLDER)
    for section, options in sections:
        kinds |= dict(_kinds_in(section, options))
    return kinds


def _kinds_in(section: str, options: type) -> Iterator[tuple[str, str]]:
    if not is_dataclass(options):
        return  # `install` reports it
    schema = OmegaConf.structured(options)
    for option in fields(options):
        key = f"{section}.{option.name}"
        if KIND in option.metadata:
            yield key, option.metadata[KIND]
        nested = OmegaConf.get_type(schema, option.name)
        if isinstance(nested, type) and is_dataclass(nested):
            yield from _kinds_in(key, nested)


def _override(override: str, kinds: Mapping[str, str], sweeps: bool) -> str:
    key, equals, value = override.partition("=")
    kind = kinds.get(key.lstrip("+"))
    if not equals or kind is None:
        return override
    return f"{key}={_sweep(value, kind) if sweeps and kind != FOLDER else _value(value, kind)}"


def _sweep(value: str, kind: str) -> str:
    if FUNCTION.fullmatch(value):
        return value
    parts = elements(value) or []
    if len(parts) < 2 or _is_file(value, kind):
        return _value(value, kind)
    return ",".join(_value(part.strip(), kind) for part in parts)


def _value(value: str, kind: str) -> str:
    if value in NOTHING:
        return value
    if kind == FOLDER:
        return _in_quotes(_without_quotes(value))
    if _is_file(value, kind):
        return _in_quotes(escaped(value))
    listed = kind in (SEVERAL, FILE) and value[0] + value[-1] == "[]"
    parts = elements(value[1:-1]) if listed else None
    return _name(value) if parts is None else f"[{','.join(_name(part.strip()) for part in parts)}]"


def _name(value: str) -> str:
    return _in_quotes(escaped(_without_quotes(value)))


def _in_quotes(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()


def _without_quotes(value: str) -> str:
    return re.sub(r"\\(['\"])", r"\1", value[1:-1]) if re.fullmatch(QUOTED, value, re.DOTALL) else value


def _is_file(value: str, kind: str) -> bool:
    try:
        return kind == FILE and Path(value).exists()
    except (OSError, ValueError):  # the value is too long for a name, or has a null byte
        return False


def elements(text: str) -> list[str] | None:
    """Splits a text at commas outside quotes and brackets; None if brackets do not match."""
    parts, start, place, depth = [], 0, 0, 0
    while place < len(text):
        quoted = ELEMENT.match(text, place) if place == start else None
        place = quoted.end() if quoted else place
        character = text[place : place + 1]
        depth += (character == "[") - (character == "]")
        if depth < 0:
            return None
        if character == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return None if depth else [part for part in [*parts, text[start:]] if part.strip()]


def escaped(text: str) -> str:
    """The text with every ``${`` escaped, so that OmegaConf does not interpolate it."""
    return re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + r"\${", text)


def read_kept(path: Path) -> DictConfig:
    """The resolved recipe that a run or an artifact stores; a ``${`` in it is text."""
    recipe = OmegaConf.create(within(OmegaConf.to_container(OmegaConf.load(path), resolve=False), escaped))
    assert isinstance(recipe, DictConfig)
    return recipe
