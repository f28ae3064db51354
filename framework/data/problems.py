"""Finds leaks and oversights: texts that hold their label's word or their row's id, and text columns that are not read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import chain

from framework.contracts.data.cells import LABEL_KINDS, labels_in
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Splits, Table
from framework.contracts.message import message
from framework.contracts.section import Problem
from framework.data.joined import Columns

SAMPLE = 5000  # training rows whose texts are searched for labels, at most
LEAK = 0.5  # share of rows whose text holds the row's label, or id, from which the label, or id, counts as leaked
IDS_SAMPLE = 500  # rows that are searched for ids and for texts, at most
SHORTEST_ID = 3  # characters; shorter values stand in many texts by chance
WORDS = 4  # words a value on average, from which a column holds texts
FEW = 10  # rows, of a label or of a file, below which a share says nothing


def leaks(splits: Splits, columns: Sequence[Column]) -> list[Problem]:
    """A problem for each label whose word stands in most texts with that label and in few others."""
    texts = [column.role for column in columns if column.kind == "text" and not column.target]
    targets = [column.role for column in columns if column.kind in LABEL_KINDS and column.target]
    if not texts or not targets:
        return []
    train = splits.train.take(range(min(SAMPLE, len(splits.train))))
    rows = list(zip(*(train.texts(role) for role in texts), strict=True))
    labels = [labels_in(cell) for cell in train.columns[targets[0]]]
    counts = Counter(chain.from_iterable(labels))
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    words = {label: re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.IGNORECASE) for label in counts if len(label) > 1}
    for values, of_row in zip(rows, labels, strict=True):
        joined = " ".join(values)
        folded = joined.casefold()
        for name in words:
            if name.casefold() in folded and words[name].search(joined):
                (inside if name in of_row else outside)[name] += 1
    problems = []
    for label, count in counts.items():
        share, elsewhere = inside[label] / count, outside[label] / max(1, len(labels) - count)
        if count >= FEW and share >= LEAK and share > 2 * elsewhere:
            what = f"{share:.0%} of the {label!r} texts hold the word {label!r} itself, other texts in {elsewhere:.0%}"
            problems.append(Problem(what, "the label may have leaked into the text: look where the texts come from"))
    return problems


def ids_in_texts(table: Table, texts: Sequence[str], used: Set[str]) -> list[str]:
    """A note for each unused column of distinct values most of which stand in the texts of their rows.

    texts: the columns read as text. used: the columns that have a role or are the group.
    """
    sample = table.take(range(min(IDS_SAMPLE, len(table)) if texts else 0))
    joined = [" ".join(values) for values in zip(*(sample.texts(name) for name in texts), strict=True)]
    notes = []
    for name in sample.columns.keys() - used:
        values = [value.strip() for value in sample.texts(name)]
        if len(values) < FEW or len(set(values)) < len(values) or min(map(len, values)) < SHORTEST_ID:
            continue
        share = sum(value in text for value, text in zip(values, joined, strict=True)) / len(values)
        if share >= LEAK:
            note = message(
                "the column {column!r} of {file} stands in {share:.0%} of its texts: an id may have leaked into them",
                column=name,
                file=table.name,
                share=share,
            )
            notes.append(note)
    return sorted(notes)


def unread_texts(table: Table, columns: Sequence[Column], names: Mapping[str, Columns], used: Set[str]) -> list[str]:
    """A note where unused columns hold texts too, beside the single column that is read as the text.

    names: headers by role. used: see `ids_in_texts`.
    """
    roles = [c.role for c in columns if c.kind == "text" and c.composes and isinstance(names.get(c.role), str)]
    sample = table.take(range(min(IDS_SAMPLE, len(table)) if roles else 0))
    unread = [name for name in sample.columns if name not in used and _are_texts(sample.texts(name))]
    if not unread:
        return []
    every = ",".join(name for name in table.columns if name in (*unread, names[roles[0]]))
    values = {"columns": ", ".join(map(repr, unread)), "file": table.name, "role": roles[0], "every": every}
    if len(unread) == 1:
        return [
            message("{columns} of {file} holds texts too and is not read; data.{role}=[{every}] reads them together", **values)
        ]
    return [message("{columns} of {file} hold texts too and are not read; data.{role}=[{every}] reads them together", **values)]


def _are_texts(values: Sequence[str]) -> bool:
    words = sum(len(value.split()) for value in values)
    return len(values) >= FEW and words >= WORDS * len(values) and len(set(values)) > len(values) / 2
