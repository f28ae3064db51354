"""Other languages for what people read: catalogues of English templates, and which language is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any, TypeVar

from framework.contracts.data.cells import TEXTUAL, as_text, texts_of
from framework.contracts.data.table import Splits, Table
from framework.contracts.message import Message
from framework.plugins import AnyTask, load_plugins

T = TypeVar("T")

ENGLISH = "en"
TAGS: Mapping[str, str] = {ENGLISH: "en", "zh": "zh-CN"}
"""What ``<html lang>`` says of each language; Chinese is in simplified characters."""
OWN = "framework.report:zh.json"  # of the framework and the plugins that it comes with
ROWS = 1000  # training rows whose script is looked at
LENGTH = 500  # characters of a text that are looked at
HAN, KANA = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff", "\u3040-\u30ff\u31f0-\u31ff"
_HAN, _KANA = re.compile(f"[{HAN}]"), re.compile(f"[{KANA}]")
_OTHER = re.compile(f"[^\\W\\d_{HAN}{KANA}]+")  # a word of any other script
_IN_PAGE = re.compile(r"""\bmessage\(\s*("(?:[^"\\]|\\.)*")""")


@dataclass(frozen=True)
class Language:
    """A language and its catalogue: text of it by English template. English has none."""

    name: str
    catalogue: Mapping[str, str] = field(hash=False)

    @property
    def tag(self) -> str:
        return TAGS[self.name]

    def text(self, value: str) -> str:
        """A message in this language, inside out; any other string, and a template that is not in the catalogue, as it is."""
        if not isinstance(value, Message):
            return value
        values = {name: self.translated(part) for name, part in value.values.items()}
        return str(Message(self.catalogue.get(value.template, value.template), values))

    def translated(self, value: T) -> T:
        """Dataclasses, mappings and sequences with every message in them translated; keys stay."""
        return self._translated(value)  # type: ignore[no-any-return]

    def _translated(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{one.name: self._translated(getattr(value, one.name)) for one in fields(value) if one.init})
        if isinstance(value, Mapping):
            return {key: self._translated(item) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self._translated, value))
        return [self._translated(item) for item in value] if isinstance(value, list | tuple) else value

    def of_page(self, source: str) -> dict[str, str]:
        """The texts of a page by English template, as its script looks them up. source: of the page, or of its script."""
        return {template: self.catalogue.get(template, template) for template in texts_of_page(source)}


def language(name: str) -> Language:
    """English, or a language that has a catalogue."""
    return Language(name, catalogue(name))


@lru_cache(maxsize=len(TAGS))
def catalogue(name: str) -> Mapping[str, str]:
    """The framework's own entries, and those that plugins add; what is there already stays."""
    entries: dict[str, str] = {}
    for wanted, address, distribution in [("zh", OWN, "recipe-framework"), *load_plugins().messages]:
        if wanted != name:
            continue
        try:
            entries = {**read_catalogue(address), **entries}
        except Exception as error:  # whatever is wrong with a stranger's file must not stop a run
            load_plugins().leave_out(address, distribution, error)
    return entries


def read_catalogue(address: str) -> dict[str, str]:
    """``"package:file.json"`` -> its entries. Raises ValueError where it holds anything but strings by string, and where a text
    has a placeholder, or formats one in a way, that its template has not, or lacks one.
    """
    package, _, file = address.partition(":")
    content = json.loads(files(package).joinpath(file).read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ValueError("a catalogue is one JSON object: English templates, and the text of each")
    for template, text in content.items():
        if not _fits(template, text):
            raise ValueError(f"{text!r} has other placeholders than {template!r}")
    return content


def _fits(template: str, text: str) -> bool:
    wanted, used = _placeholders(template), _placeholders(text)
    names = {name for name, _, _ in wanted}
    plain = {(name, "", None) for name in names}
    return names == {name for name, _, _ in used} and used <= wanted | plain


def _placeholders(text: str) -> set[tuple[str, str | None, str | None]]:
    """(name, format, conversion) of each."""
    return {(name, form, conversion) for _, name, form, conversion in Formatter().parse(text) if name is not None}


def texts_of_page(source: str) -> Sequence[str]:
    """Every ``message("TEMPLATE")`` in the source of a page, in its markup and in its scripts, in their order."""
    return list(dict.fromkeys(json.loads(literal) for literal in _IN_PAGE.findall(source)))


def accepted(header: str | None) -> str:
    """The language that a browser likes best of those that there are, by its ``Accept-Language`` (RFC 9110); else English."""
    best, weight = ENGLISH, 0.0
    for part in (header or "").split(","):
        wanted, _, parameter = part.partition(";")
        name = wanted.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if name in TAGS and quality > weight:
            best, weight = name, quality
    return best


def _quality(parameter: str) -> float:
    key, _, value = parameter.partition("=")
    if key.strip().lower() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"\s*[01](\.\d{0,3})?\s*", value) else 0.0


def language_of_run(setting: str, task: AnyTask, splits: Splits) -> Language:
    """setting: ``report.language``; with auto it is Chinese where the training texts are."""
    if setting != "auto":
        return language(setting)
    tables = [splits.train.take(range(min(ROWS, len(splits.train)))), *splits.tables.values()]
    return language("zh" if mostly_chinese(text for table in tables for text in _texts(task, table)) else ENGLISH)


def mostly_chinese(texts: Iterable[str]) -> bool:
    """More than half Han characters, where a word of another script counts as one, and next to no Japanese kana."""
    han = kana = other = 0
    for text in texts:
        han += len(_HAN.findall(text))
        kana += len(_KANA.findall(text))
        other += len(_OTHER.findall(text))
    return han > kana + other and kana * 20 < han


def _texts(task: AnyTask, table: Table) -> Iterable[str]:
    further = [column for side in task.tables for column in side.columns]
    for column in [*task.canonical, *further]:
        if column.kind in TEXTUAL and column.role in table.columns:
            texts = texts_of(column.kind)
            for value in table.columns[column.role][:ROWS]:
                yield (" ".join(texts(value)) if texts else as_text(value))[:LENGTH]
