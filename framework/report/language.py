"""Translation of messages: catalogues by language, and the choice of a language."""

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
"""Name of a language -> its value of ``<html lang>``; Chinese is in simplified characters."""
OWN = "framework.report:zh.json"  # address of the catalogue of the framework and the plugins of this distribution
ROWS = 1000  # rows of a table that are searched for Chinese, at most
LENGTH = 500  # characters of a cell that are searched, at most
HAN, KANA = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff", "\u3040-\u30ff\u31f0-\u31ff"
_HAN, _KANA = re.compile(f"[{HAN}]"), re.compile(f"[{KANA}]")
_OTHER = re.compile(f"[^\\W\\d_{HAN}{KANA}]+")  # a word of any other script
_IN_PAGE = re.compile(r"""\bmessage\(\s*("(?:[^"\\]|\\.)*")""")


@dataclass(frozen=True)
class Language:
    """A language and its catalogue."""

    name: str
    catalogue: Mapping[str, str] = field(hash=False)
    """Translations by English template; empty for English."""

    @property
    def tag(self) -> str:
        """The BCP 47 tag, for ``<html lang>``."""
        return TAGS[self.name]

    def text(self, value: str) -> str:
        """Translates a message and the messages among its values. Strings and templates without a translation stay English."""
        if not isinstance(value, Message):
            return value
        values = {name: self.translated(part) for name, part in value.values.items()}
        return str(Message(self.catalogue.get(value.template, value.template), values))

    def translated(self, value: T) -> T:
        """A copy of a dataclass, mapping or sequence in which every message is translated, except keys of mappings."""
        return self._translated(value)  # type: ignore[no-any-return]

    def _translated(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            names = [part.name for part in fields(value) if part.init]
            return replace(value, **{name: self._translated(getattr(value, name)) for name in names})
        if isinstance(value, Mapping):
            return {key: self._translated(item) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self._translated, value))
        return [self._translated(item) for item in value] if isinstance(value, list | tuple) else value

    def of_page(self, source: str) -> dict[str, str]:
        """Translations by English template for the script of a page. source: the text of the page and of its scripts."""
        return {template: self.catalogue.get(template, template) for template in texts_of_page(source)}


def language(name: str) -> Language:
    """The language with this name, a key of `TAGS`, and its catalogue."""
    return Language(name, catalogue(name))


@lru_cache(maxsize=len(TAGS))
def catalogue(name: str) -> Mapping[str, str]:
    """Translations by English template, from the catalogues of the framework and of all plugins for a language.

    An entry of an earlier catalogue takes precedence. A broken catalogue is left out.
    """
    entries: dict[str, str] = {}
    for of_language, address, distribution in [("zh", OWN, "recipe-framework"), *load_plugins().messages]:
        if of_language != name:
            continue
        try:
            entries = {**read_catalogue(address), **entries}
        except Exception as error:  # an error in a plugin's file must not stop a run
            load_plugins().leave_out(address, distribution, error)
    return entries


def read_catalogue(address: str) -> dict[str, str]:
    """Translations by English template in the file at ``"package:file.json"``.

    Raises ValueError if the file is no object of strings, or if the placeholders of a translation, or their formats, differ
    from those of the template; also what opening the file raises.
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
    """Whether a translation has the placeholders of its template, each with the same format or none."""
    required, used = _placeholders(template), _placeholders(text)
    names = {name for name, _, _ in required}
    unformatted = {(name, "", None) for name in names}
    return names == {name for name, _, _ in used} and used <= required | unformatted


def _placeholders(text: str) -> set[tuple[str, str | None, str | None]]:
    """(name, format, conversion) of each placeholder."""
    return {(name, form, conversion) for _, name, form, conversion in Formatter().parse(text) if name is not None}


def texts_of_page(source: str) -> Sequence[str]:
    """The templates of all ``message("TEMPLATE")`` in the source of a page, markup and scripts, in order, without repeats."""
    return list(dict.fromkeys(json.loads(literal) for literal in _IN_PAGE.findall(source)))


def accepted(header: str | None) -> str:
    """The language of `TAGS` that a browser's header ``Accept-Language`` (RFC 9110) prefers; English if it names none."""
    best, weight = ENGLISH, 0.0
    for part in (header or "").split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
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
    """The language of a run's report. setting: ``report.language``; "auto": Chinese if the data are `mostly_chinese`."""
    if setting != "auto":
        return language(setting)
    tables = [splits.train.take(range(min(ROWS, len(splits.train)))), *splits.tables.values()]
    return language("zh" if mostly_chinese(text for table in tables for text in _texts(task, table)) else ENGLISH)


def mostly_chinese(texts: Iterable[str]) -> bool:
    """Whether Han characters outnumber kana and words of other scripts together, and kana are below a twentieth of Han."""
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
