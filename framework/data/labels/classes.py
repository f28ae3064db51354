"""Checks that a label column holds classes, not ids, measurements or dates, and that a file's first line is a header."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from framework.contracts.data.table import Table
from framework.contracts.message import listed, message
from framework.data.columns import has_fractions
from framework.errors import InputError, some

FEW = 20  # rows; a column with fewer is not judged
MEASURED = 30  # different numbers or dates above which they are taken for quantities
MOST = 0.9  # share of the distinct values that must be dates, or quantities, for the column to hold these
_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?")
_QUANTITY = re.compile(r"[-+]?[$€£¥]?\s?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s?[%$€£¥]?")


def check_classes(table: Table, role: str, column: str) -> list[str]:
    """A note where the labels may be quantities; otherwise nothing.

    column: as a message names it, "the column 'stars'". Raises InputError for labels that are measurements, dates or ids, and
    for too many different labels.
    """
    counts = Counter(table.texts(role))
    rows, different = len(table), len(counts)
    if rows < FEW:
        return []
    named = f"{table.source}: the {role}, {column},"
    instead = f"data.{role}=COLUMN chooses another"
    examples = some(list(counts), most=3)
    if different > MEASURED and has_fractions(list(counts)):
        raise InputError(
            f"{named} holds {different:,} different numbers such as {examples}: measurements, not classes; "
            f"write classes instead (low, middle, high), or {instead}"
        )
    if different > MEASURED and _mostly_match(_DATE, counts):
        raise InputError(
            f"{named} holds {different:,} different dates such as {examples}: when, not what, and no date is predicted here; "
            f"write classes instead (the weekday, the quarter), or {instead}"
        )
    if different == rows:
        raise InputError(f"{named} differs in each of its {rows:,} rows ({examples}): an id, no {role}; {instead}")
    if rows < 3 * different:
        raise InputError(
            f"{named} has {different:,} different values in {rows:,} rows, such as {examples}: too few rows of each to learn "
            f"from; join rare ones under one name, add rows (20 of each are a start), or {instead}"
        )
    return _quantities(
        list(counts), message("{file}: the {role}, {column},", file=table.source, role=role, column=column), role
    )


def _quantities(values: Sequence[str], named: str, role: str) -> list[str]:
    """The note on labels that are many different numbers; otherwise nothing. named: the label column, as messages name it."""
    if len(values) <= MEASURED or not _mostly_match(_QUANTITY, values):
        return []
    return [
        message(
            "{column} holds {count:,} different numbers such as {examples}, each learned as a class of its own: "
            "right where they stand for names (intent 17); for a quantity (an age, a price) it is not, for no number is near "
            "another then: write ranges as its {role} (18-29, 30-44)",
            column=named,
            count=len(values),
            examples=listed(values, most=3),
            role=role,
        )
    ]


def _mostly_match(kind: re.Pattern[str], values: Collection[str]) -> bool:
    return sum(kind.fullmatch(value.strip()) is not None for value in values) >= MOST * len(values)


def check_header(table: Table, roles: Sequence[tuple[str, str]], file: str) -> None:
    """Raises InputError when the first line of a file seems to be a row: the header of a column is also one of its values.

    roles: (role, header) of each column of categories. The default headers of pandas, 0, 1, ..., are accepted.
    """
    if set(table.columns) <= set(map(str, range(len(table.columns)))):
        return
    for role, column in roles:
        if any(value.strip() == column for value in table.texts(column)):
            raise InputError(
                f"{file}: its first line seems to be a row, not a header: the {role} column is called {column!r}, "
                "which is one of its values too; put a line with the columns' names above it"
            )
