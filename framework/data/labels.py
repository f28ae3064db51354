"""The column a task predicts: one spelling for each value, and a message when it holds no classes at all."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from framework.data.columns import has_fractions
from framework.data.table import Table
from framework.errors import InputError, some

FEW = 20  # rows from which a column is judged
MEASURED = 30  # different numbers with a fraction above which they are measurements
SHOWN = 5  # spellings named in a note


class Spellings:
    """Values that differ in letter case, in spaces around or between words, or in Unicode composition count as one.

    The most frequent spelling of the first table stands for all, in that table and in later ones.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self.chosen: dict[str, str] = {}

    def unify(self, table: Table) -> tuple[Table, list[str]]:
        """The table with one spelling for each value, and a note on what was changed."""
        counts = Counter(table.columns[self.role])
        for value, _ in counts.most_common():
            self.chosen.setdefault(_key(value), value.strip())
        mapping = {value: self.chosen[_key(value)] for value in counts}
        changed = defaultdict[str, list[str]](list)
        for value, spelling in mapping.items():
            if value != spelling:
                changed[spelling].append(value)
        rows = sum(counts[value] for values in changed.values() for value in values)
        column = [mapping[value] for value in table.columns[self.role]]
        table = replace(table, columns={**table.columns, self.role: column})
        return table, [self._note(table, changed, rows)] if rows else []

    def _note(self, table: Table, changed: dict[str, list[str]], rows: int) -> str:
        shown = [f"{some(values)} as {spelling!r}" for spelling, values in list(changed.items())[:SHOWN]]
        more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        return (
            f"{rows:,} rows of {table.name} have a {self.role} that differs from another only in case or spaces and count "
            f"as it: {', '.join(shown)}{more}; data.merge_spellings=false keeps them apart"
        )


def _key(value: str) -> str:
    return " ".join(unicodedata.normalize("NFC", value).casefold().split())


def check_classes(table: Table, role: str, column: str) -> None:
    """Raises InputError when the values are measurements, identifiers, or far too many for their rows."""
    counts = Counter(table.columns[role])
    rows, different = len(table), len(counts)
    if rows < FEW:
        return
    named = f"{table.source}: the {role} column {column!r}"
    instead = f"data.{role}=COLUMN chooses another"
    examples = some(list(counts), most=3)
    if different > MEASURED and has_fractions(list(counts)):
        raise InputError(
            f"{named} holds {different:,} different numbers such as {examples}: measurements, not classes; "
            f"write classes instead (low, middle, high), or {instead}"
        )
    if different == rows:
        raise InputError(f"{named} differs in each of its {rows:,} rows ({examples}): an id, no {role}; {instead}")
    if rows < 3 * different:
        raise InputError(
            f"{named} has {different:,} different values in {rows:,} rows, such as {examples}: too few rows of each to learn "
            f"from; join rare ones under one name, add rows (20 of each are a start), or {instead}"
        )


def check_header(table: Table, roles: Sequence[tuple[str, str]], file: str) -> None:
    """Raises InputError when the first line of a file seems to be a row: the name of a column is one of its values.

    roles: (role, column) of columns that repeat few values. pandas' names 0, 1, ... are names.
    """
    if set(table.columns) <= set(map(str, range(len(table.columns)))):
        return
    for role, column in roles:
        if any(value.strip() == column for value in table.columns[column]):
            raise InputError(
                f"{file}: its first line seems to be a row, not a header: the {role} column is called {column!r}, "
                "which is one of its values too; put a line with the columns' names above it"
            )
