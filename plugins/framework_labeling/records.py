"""Reads labelled sequences from JSON records: tokens with tags, or texts with spans, as annotation tools save them."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from framework import InputError, nearest
from framework_labeling.rows import SHOWN, MarkedText, Sentence
from framework_labeling.schemes import Span

TEXTS = ("text", "sentence", "content", "data", "body")
TOKENS = ("tokens", "words", "sentence", "text")
TAGS = ("tags", "ner_tags", "ner", "tag", "labels", "label", "slots", "bio", "pos_tags", "pos", "upos", "chunk_tags")
SPANS = ("spans", "entities", "label", "labels", "annotations", "ner", "slots")
STARTS = ("start", "start_offset", "start_char", "begin", "from")
ENDS = ("end", "end_offset", "end_char", "stop", "to")
LABELS = ("label", "labels", "type", "entity", "tag", "entity_type", "entity_group", "name", "slot")
DECLINED = ("reject", "ignore")  # Prodigy's answers for rows that a model shall not learn from

KEYS = 20  # keys of an unreadable record named in a message

Row = Sentence | MarkedText


@dataclass(frozen=True)
class RecordLayout:
    """A way in which records hold a labelled sequence."""

    name: str
    example: str
    """JSON, for a message."""
    fits: Callable[[Any], bool]
    """Whether a record has this layout."""
    read: Callable[[Any, int, Sequence[str]], Row | None]
    """Takes a record, its line, and the names of tags whose ids the record holds; without names an id stays a number, as text.
    Returns the row, or None for a record that nobody annotated or that its annotator declined."""


def read_record(record: Any, line: int, names: Sequence[str] = ()) -> Row | None:
    """The labelled sequence of a JSON record; None for a record that nobody annotated or that its annotator declined.

    names: of the tags, where the record holds their ids. Raises InputError, which names the line.
    """
    return layout_of(record, line).read(_unpacked(record), line, names)


def layout_of(record: Any, line: int) -> RecordLayout:
    """The first of `LAYOUTS` that fits a record. Raises InputError, which lists all layouts, where none does."""
    unpacked = _unpacked(record)
    for layout in LAYOUTS:
        if layout.fits(unpacked):
            return layout
    keys = list(map(str, record))[:KEYS] if isinstance(record, Mapping) else []
    has = f"the keys {', '.join(keys)}" if isinstance(record, Mapping) else type(record).__name__
    examples = "; ".join(f"{layout.name}: {layout.example}" for layout in LAYOUTS)
    raise InputError(f"line {line}: no labelled sequence in {has}. Write one of: {examples}")


def _unpacked(record: Any) -> Any:
    """The record with lower-case keys, and with lists in place of texts that hold a list, as columns of CSV files do."""
    if not isinstance(record, Mapping):
        return record
    lowered = {key.lower() if isinstance(key, str) else key: value for key, value in record.items()}
    return {key: value if key in TEXTS else _parse_list(value) for key, value in lowered.items()}


def _parse_list(value: Any) -> Any:
    """The list that a text holds as JSON or as Python prints it; any other value unchanged."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        for read in (json.loads, literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                return read(value)
    return value


def _is_pair(record: Any) -> bool:
    return isinstance(record, list | tuple) and list(map(type, record)) == [str, dict]


def _is_label_studio(record: Any) -> bool:
    if not isinstance(record, Mapping) or not isinstance(record.get("data"), Mapping):
        return False
    annotations = record.get("annotations", record.get("completions"))
    return isinstance(annotations, list) and all(isinstance(annotation, Mapping) for annotation in annotations)


def _is_prodigy(record: Any) -> bool:
    return isinstance(record, Mapping) and "answer" in record and isinstance(record.get("text"), str)


def _is_tagged(record: Any) -> bool:
    return isinstance(record, Mapping) and _tagged(record) is not None


def _is_marked(record: Any) -> bool:
    return isinstance(record, Mapping) and _key(record, TEXTS, str) is not None and _spans_key(record) is not None


def _key(record: Mapping[str, Any], keys: Sequence[str], kind: type) -> str | None:
    """The first of the keys whose value is of this type."""
    return next((key for key in keys if isinstance(record.get(key), kind)), None)


def _spans_key(record: Mapping[str, Any]) -> str | None:
    """The first key of `SPANS` that holds a list of spans, or an empty list."""
    lists = (key for key in SPANS if isinstance(record.get(key), list))
    return next((key for key in lists if all(isinstance(span, list | tuple | Mapping) for span in record[key])), None)


def _tagged(record: Mapping[str, Any]) -> tuple[list[Any], list[Any]] | None:
    """(tokens, tags) of a record: its lists, or its texts split at spaces; None where the record lacks either.

    A text under a key of `TEXTS` counts as tokens only where there are as many tags as words.
    """
    lists = {key: items for key, value in record.items() if (items := _items(value)) is not None}
    tokens = next((key for key in TOKENS if key in lists and all(isinstance(item, str) for item in lists[key])), None)
    fitting = (key for key in TAGS if key in lists and key != tokens and all(_is_tag(item) for item in lists[key]))
    tags = next(fitting, None)
    if tokens is None or tags is None:
        return None
    if tokens in TEXTS and isinstance(record[tokens], str) and not len(lists[tokens]) == len(lists[tags]) > 0:
        return None
    return lists[tokens], lists[tags]


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _items(value: Any) -> list[Any] | None:
    """The items of a list, or the words of a text; None for anything else."""
    if isinstance(value, str):
        return value.split()
    return list(value) if isinstance(value, list | tuple) else None


def _read_tagged(record: Mapping[str, Any], line: int, names: Sequence[str]) -> Sentence:
    tokens, tags = _tagged(record) or ([], [])
    if len(tokens) != len(tags):
        raise InputError(f"line {line}: {len(tokens):,} tokens, but {len(tags):,} tags; write a tag for every token")
    return Sentence(tokens, [_tag(tag, line, names) for tag in tags], line)


def _tag(tag: str | int, line: int, names: Sequence[str]) -> str:
    """A tag as text; an id becomes its name where there are names. Raises InputError for an id without a name."""
    if isinstance(tag, str) or not names:
        return str(tag)
    if not 0 <= tag < len(names):
        raise InputError(f"line {line}: the tag {tag} is none of 0 to {len(names) - 1}, which have names")
    return names[tag]


def _read_pair(record: Sequence[Any], line: int, names: Sequence[str]) -> MarkedText:
    text, annotations = record
    if not isinstance(annotations.get("entities"), list):
        raise InputError(f"line {line}: the text has no list of entities; {nearest('entities', annotations, 'it has')}")
    return MarkedText(text, _spans(annotations["entities"], text, line), line)


def _read_prodigy(record: Mapping[str, Any], line: int, names: Sequence[str]) -> MarkedText | None:
    if record["answer"] in DECLINED:
        return None
    return MarkedText(record["text"], _spans(record.get("spans") or [], record["text"], line), line)


def _read_marked(record: Mapping[str, Any], line: int, names: Sequence[str]) -> MarkedText:
    text: str = record[_key(record, TEXTS, str) or ""]
    return MarkedText(text, _spans(record[_spans_key(record) or ""], text, line), line)


def _read_label_studio(record: Mapping[str, Any], line: int, names: Sequence[str]) -> MarkedText | None:
    """The row by the annotation marked as ground truth, otherwise by the first that was not cancelled; None without either.

    Raises InputError, which names the line.
    """
    annotations = [a for a in record.get("annotations", record.get("completions")) or [] if not a.get("was_cancelled")]
    if not annotations:
        return None
    chosen = next((a for a in annotations if a.get("ground_truth")), annotations[0])
    results = [result for result in chosen.get("result") or [] if "labels" in (result.get("value") or {})]
    text = _label_studio_text(record["data"], line)
    return MarkedText(text, _spans([result["value"] for result in results], text, line), line)


def _label_studio_text(data: Mapping[str, Any], line: int) -> str:
    """The text of a Label Studio task: that under a key of `TEXTS`, or the only text. Raises InputError without either."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    key = _key(texts, TEXTS, str) or (next(iter(texts)) if len(texts) == 1 else None)
    if key is None:
        raise InputError(f"line {line}: the data of the task has no text; {nearest('text', data, 'it has')}")
    return texts[key]


def _spans(values: Sequence[Any], text: str, line: int) -> list[Span]:
    """Spans over characters. values: lists [start, end, label] or mappings. Raises InputError for a value that is neither."""
    spans: list[Span] = []
    for value in values:
        start, end, label = _parts(value, line)
        stated = value.get("text") if isinstance(value, Mapping) else None
        if isinstance(stated, str) and text[start:end] != stated:
            start, end = _from_utf16(text, start, end, stated, line)
        spans.append(Span(start, end, label))
    return spans


def _parts(value: Any, line: int) -> tuple[int, int, str]:
    """(start, end, label) of a span that is a list or a mapping. Raises InputError, which names the line, for other values."""
    if isinstance(value, Mapping):
        parts = [next((value[key] for key in keys if key in value), None) for keys in (STARTS, ENDS, LABELS)]
    else:
        parts = list(value) if isinstance(value, list | tuple) else []
    if len(parts) == 3:
        start, end, label = *map(_parse_offset, parts[:2]), parts[2]
        label = label[0] if isinstance(label, list) and len(label) == 1 else label
        if type(start) is int and type(end) is int and isinstance(label, str) and label:
            return start, end, label
    raise InputError(f"line {line}: a span is [start, end, label] or has one start, end and label, not {str(value)[:80]}")


def _parse_offset(value: Any) -> Any:
    """The number that digits in a text stand for, because readers of files keep numbers as text; any other value unchanged."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _from_utf16(text: str, start: int, end: int, stated: str, line: int) -> tuple[int, int]:
    """Offsets in code points from those in UTF-16 units, as browsers count: an emoji is two units.

    stated: the text that the record gives for the span. Raises InputError where the span does not hold it.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    before, inside = units[: 2 * start], units[2 * start : 2 * end]
    if start >= 0 and inside == stated.encode("utf-16-le", "surrogatepass"):
        first = len(before.decode("utf-16-le", "surrogatepass"))
        return first, first + len(stated)
    marked = text[max(start, 0) : end]
    raise InputError(f"line {line}: the span {start}-{end} is {marked[:SHOWN]!r}, but its text says {stated[:SHOWN]!r}")


LAYOUTS = (
    RecordLayout("spaCy", '[text, {"entities": [[0, 4, "PER"]]}]', _is_pair, _read_pair),
    RecordLayout(
        "Label Studio",
        '{"data": {"text": ...}, "annotations": [{"result": [{"value": {"start": 0, "end": 4, "labels": ["PER"]}}]}]}',
        _is_label_studio,
        _read_label_studio,
    ),
    RecordLayout(
        "Prodigy",
        '{"text": ..., "spans": [{"start": 0, "end": 4, "label": "PER"}], "answer": "accept"}',
        _is_prodigy,
        _read_prodigy,
    ),
    RecordLayout("tokens and tags", '{"tokens": ["Anna"], "tags": ["B-PER"]}', _is_tagged, _read_tagged),
    RecordLayout(
        "text and spans (doccano, spaCy)",
        '{"text": ..., "entities": [[0, 4, "PER"]]}; the key may be label, labels or spans',
        _is_marked,
        _read_marked,
    ),
)
