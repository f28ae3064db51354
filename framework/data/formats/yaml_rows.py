"""Reads YAML: a list of mappings, or a mapping that holds a list of mappings or of lists under one key.

Values stay as written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar

import yaml

from framework.contracts.data.format import Block, Format, ReadOptions, Sniffed
from framework.contracts.data.table import Row
from framework.contracts.message import message
from framework.data.formats.json_rows import flattened
from framework.errors import InputError

DEPTH = 50  # nested lists and mappings, at most
NULLS = ("", "~", "null", "Null", "NULL")  # texts that mean null where they are not quoted
PLAIN = "tag:yaml.org,2002:"  # begins the tags of YAML's own types; any other tag asks the parser to build an object
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
EXAMPLE = "- {text: ..., label: ...}"


class Yaml(Format):
    """YAML files, read without building objects, expanding aliases or converting values."""

    name: ClassVar[str] = "yaml"
    suffixes: ClassVar[tuple[str, ...]] = (".yaml", ".yml")

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The rows in order, read from the parser's events.

        Of a list of lists under a key each inner list is a row: JSON text in a column named after the key. Other keys beside it
        are left out, with a note. Raises InputError with file and line.
        """
        with file.open_text() as stream:
            yield from flattened(file.path, _Reader(file.path, stream, say).records(), say)


class _Reader:
    """Reads rows from the events of the YAML parser; `line` is the line of the last event, from 1."""

    def __init__(self, path: Path, stream: IO[str], say: Callable[[str], None]) -> None:
        self.path = path
        self.say = say
        self.line = 1
        self.events = yaml.parse(_Printable(path, stream), Loader=LOADER)

    def records(self) -> Iterator[tuple[int, Any]]:
        """(line, row) of every row in every document."""
        while not isinstance(event := self.next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.SequenceStartEvent):
                yield from self.rows(None)
            elif isinstance(event, yaml.MappingStartEvent):
                yield from self.rows_under_a_key()
            elif isinstance(event, yaml.ScalarEvent):
                raise self.error(f"a value stands where rows are expected; write a list of mappings, {EXAMPLE}")

    def next(self) -> Any:
        """The next event. Raises InputError for broken YAML, aliases, and tags that name objects."""
        try:
            event = next(self.events)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else self.line
            raise InputError(f"{self.path}, line {line}: not YAML: {error.problem or error.context}") from error
        except yaml.YAMLError as error:  # the stream is broken; this error has no line
            raise InputError(f"{self.path}, after line {self.line}: not YAML: {' '.join(str(error).split())}") from error
        self.line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise self.error(f"it refers to another value, *{event.anchor}; write the value itself")
        tag = getattr(event, "tag", None)
        if tag not in (None, "!") and (not tag.startswith(PLAIN) or "python" in tag):
            raise self.error(f"a value is tagged {tag}; write plain values, without tags")
        return event

    def error(self, problem: str) -> InputError:
        """An error that names the file and the current line."""
        return InputError(f"{self.path}, line {self.line}: {problem}")

    def rows(self, key: str | None) -> Iterator[tuple[int, Any]]:
        """(line, row) of each element of a list, after the event that begins the list.

        Elements are mappings; where the first element is a list, all are lists and become values of a column named `key`.
        key: the key of the list; None: the list has none, so its elements must be mappings. Raises InputError for other
        elements.
        """
        column, first = None, True
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            line, value = self.line, self.value(event, 1)
            column, first = (key if first and isinstance(value, list) else column), False
            if isinstance(value, dict) == (column is not None):
                self.line = line
                kind = "a mapping" if column is None else "a list"
                raise self.error(f"each element{f' of {key}' if key else ''} must be {kind}; {EXAMPLE} is a row")
            yield line, value if column is None else {column: _as_json(value)}

    def rows_under_a_key(self) -> Iterator[tuple[int, Any]]:
        """(line, row) of the only list of mappings or lists in a mapping, after the event that begins the mapping.

        Raises InputError where the mapping holds no such list, or several.
        """
        rows_key: str | None = None
        other_keys = []
        start = self.line
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key, event = self.key(event), self.next()
            first = self.next() if isinstance(event, yaml.SequenceStartEvent) else None
            if not isinstance(first, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                other_keys.append(key)
                self.skip(event, first)
                continue
            if rows_key is not None:
                raise self.error(f"rows stand under {rows_key!r} and under {key!r}; write one list of rows in a file")
            rows_key = key
            self.events = _chain(first, self.events)
            yield from self.rows(key)
        if rows_key is None:
            self.line = start
            raise self.error(f"no list of rows; write a list of mappings, {EXAMPLE}, or one under a key")
        if other_keys:
            self.say(
                message(
                    "{file}: rows were read under {key!r}; {others} left out",
                    file=self.path.name,
                    key=rows_key,
                    others=", ".join(map(repr, other_keys)),
                )
            )

    def skip(self, event: Any, first: Any) -> None:
        """Skips a value. event: the first event of the value. first: the next event; None: it was not read yet."""
        if first is not None:
            self.events = _chain(first, self.events)
        self.value(event, 1)

    def key(self, event: Any) -> str:
        """The key of a mapping. Raises InputError for a key that is itself a list or a mapping."""
        if not isinstance(event, yaml.ScalarEvent):
            raise self.error("a key is itself a list or a mapping; write plain names")
        return str(event.value)

    def value(self, event: Any, depth: int) -> Any:
        """The text, list, mapping or None that begins with this event. depth: of the value, from 1.

        Raises InputError for nesting deeper than `DEPTH`, and for repeated keys.
        """
        if depth > DEPTH:
            raise self.error(f"more than {DEPTH} lists or mappings within each other")
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := self.next(), yaml.SequenceEndEvent):
                items.append(self.value(event, depth + 1))
            return items
        if isinstance(event, yaml.MappingStartEvent):
            values: dict[str, Any] = {}
            while not isinstance(event := self.next(), yaml.MappingEndEvent):
                key = self.key(event)
                if key in values:
                    raise self.error(f"the key {key!r} stands twice in one mapping; rename one")
                values[key] = self.value(self.next(), depth + 1)
            return values
        return None if event.implicit[0] and event.value in NULLS else event.value


def _as_json(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


class _Printable:
    """A stream that refuses characters that YAML forbids, because the parser's own error for them names no line."""

    def __init__(self, path: Path, stream: IO[str]) -> None:
        self.path = path
        self.stream = stream
        self.lines = 1

    def read(self, size: int) -> str:
        text = self.stream.read(size)
        forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
        if forbidden:
            line = self.lines + text.count("\n", 0, forbidden.start())
            what = f"U+{ord(forbidden.group()):04X}, a control character that YAML forbids"
            raise InputError(f"{self.path}, line {line}: it holds {what}; take it out, or write \\x.. within double quotes")
        self.lines += text.count("\n")
        return text


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
