"""Turns rows of files, in any layout of labelled sequences, into tokens with tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework import Cell, InputError, Message, Say, Table, message
from framework_labeling.records import Row, read_record
from framework_labeling.rows import Sentence, raise_some, tokenized

UNTAGGED = message("{count:,} rows of {file} without tags or spans are left out")
UNANNOTATED = message("{count:,} rows of {file} that nobody annotated, or that were declined, are left out")
WIDENED = message("{count:,} spans of {file} end within a word and were widened to whole words")
WORDLESS = message("{count:,} rows of {file} without a word are left out")
ANNOTATED = {"tags", "labels", "spans", "annotations", "answer"}


def shape(table: Table, say: Say) -> Table:
    """The table with the columns tokens and tags, without rows that nobody annotated.

    say: takes a note on how many rows were left out and how many spans were widened. Raises InputError naming the first rows
    that cannot be read.
    """
    kept: list[int] = []
    sentences: list[Sentence] = []
    problems: list[str] = []
    counts: Counter[Message] = Counter()
    for row, cells in enumerate(zip(*table.columns.values(), strict=True)):
        line = table.lines[row]
        try:
            sentence = _sentence(dict(zip(table.columns, cells, strict=True)), line, counts)
        except InputError as error:
            problems += [f"{table.where(row)}: {problem.removeprefix(f'line {line}: ')}" for problem in error.problems]
            continue
        if sentence is not None:
            kept.append(row)
            sentences.append(sentence)
    raise_some(problems)
    if not sentences:
        raise InputError(
            f"{table.source}: no row is annotated; name the column of the tags (data.tags=) or spans (data.spans=)"
        )
    for note, count in (+counts).items():
        say(note.filled(count=count, file=table.name))
    columns = {"tokens": [list(row.tokens) for row in sentences], "tags": [list(row.tags) for row in sentences]}
    return replace(table.take(kept), columns=columns)


def _sentence(cells: Mapping[str, Cell], line: int, counts: Counter[Message]) -> Sentence | None:
    """The tokens and tags of a row; None for a row that is left out. counts: of notes, increased by this row."""
    record = _record(cells)
    if not record.keys() & ANNOTATED:
        counts[UNTAGGED] += 1
        return None
    row: Row | None = read_record(record, line)
    if row is None:
        counts[UNANNOTATED] += 1
        return None
    if isinstance(row, Sentence):
        sentence = row
    else:
        sentence, widened = tokenized(row)
        counts[WIDENED] += widened
    if not sentence.tokens:
        counts[WORDLESS] += 1
        return None
    return sentence


def _record(cells: Mapping[str, Cell]) -> dict[str, Any]:
    """The record for `read_record`, from the filled cells of a row."""
    filled = {role: cell for role, cell in cells.items() if cell is not None and cell != ""}
    spans = filled.get("spans")
    if isinstance(spans, str) and '"result"' in spans:  # Label Studio has the text in an object of its own
        return {"data": {"text": filled.get("text", "")}, "annotations": spans}
    if spans is not None and "answer" not in filled:  # only Prodigy has answers
        filled["labels"] = filled.pop("spans")  # under this key `read_record` expects spans or tags
    return filled
