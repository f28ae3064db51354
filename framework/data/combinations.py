"""Rows with several labels: lists, texts with a separator, a column of 0 and 1 for each label. One label a row is learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from framework.contracts.data.cells import labels_of
from framework.contracts.data.table import Table
from framework.contracts.message import message
from framework.errors import InputError, some

SEPARATORS = ("|", ";", ",")
WRITTEN = "|"  # between the labels of a list, or of several columns
NONE = "none"  # the label of a row whose columns are all 0
SAMPLE = 2000  # rows from which columns of 0 and 1 are told
YES, NO = ("1", "1.0", "true"), ("0", "0.0", "false", "")


def check_alone(table: Table, role: str, column: str, separator: str | None) -> None:
    """Raises InputError where rows hold several labels, between them the separator."""
    labels = table.texts(role)
    several = [value for value in labels if separator and separator in value]
    if separator is None or not several:
        return
    parts = Counter(part for value in labels for part in dict.fromkeys(_parts(value, separator)))
    names = some([name for name, _ in parts.most_common()], most=5)
    raise InputError(
        f"{table.source}: {len(several):,} of {len(table):,} rows have several labels in {column}, "
        f"{len(set(several)):,} combinations of {len(parts):,} labels such as {names}; one label a row is learned here. "
        "Keep one label of each row, or train a model for each label; data.label_combinations=keep makes "
        f"every combination a class of its own ({several[0]!r}), which is also right for names with {separator!r} in them"
    )


def separator_of(values: Collection[str]) -> str | None:
    """What separates the labels of those values that are combinations; None where none is.

    A name such as "Sales, EMEA" is no combination: the parts of combinations stand alone too, or in several of them, and not
    always in the same place as those of a path or an address do.
    """
    for separator in SEPARATORS:
        sets = {value: _parts(value, separator) for value in values}
        several = {frozenset(parts): parts for parts in sets.values() if len(set(parts)) > 1}
        alone = {parts[0] for parts in sets.values() if len(parts) == 1}
        uses = Counter(part for parts in several for part in parts)
        known = [parts for parts in several.values() if all(part in alone or uses[part] > 1 for part in parts)]
        if known and 2 * len(known) >= len(several) and _move([*known, *([one] for one in alone & uses.keys())]):
            return separator
    return None


def _parts(value: str, separator: str) -> list[str]:
    return [part.strip() for part in value.split(separator) if part.strip()]


def _move(combinations: Iterable[Sequence[str]]) -> bool:
    """Whether any part stands first here and later there."""
    place: dict[str, int] = {}
    return any(place.setdefault(part, i) != i for parts in combinations for i, part in enumerate(parts))


def unlisted(table: Table, role: str) -> tuple[Table, str | None, list[str]]:
    """The table with lists of labels as texts; a separator where any holds several; and a note.

    A list of one is that label, an empty one is blank.
    """
    counts = Counter(table.texts(role))
    lists = {value: labels for value in counts if (labels := labels_of(value)) is not None}
    if not lists:
        return table, None, []
    texts = {value: WRITTEN.join(labels) for value, labels in lists.items()}
    column = [texts.get(value, value) for value in table.texts(role)]
    table = replace(table, columns={**table.columns, role: column})
    one = sum(counts[value] for value, labels in lists.items() if len(labels) == 1)
    note = message(
        "{rows:,} rows of {file} have a list of one {role}, which was taken as that {role}",
        rows=one,
        file=table.name,
        role=role,
    )
    notes: list[str] = [note] if one else []
    return table, WRITTEN if any(len(labels) > 1 for labels in lists.values()) else None, notes


def indicators(table: Table, used: Collection[str]) -> list[str]:
    """Columns that hold nothing but 0 and 1 (0.0 and 1.0, true and false), among those not used."""
    return [name for name in table.columns if name not in used and _is_indicator(table.texts(name))]


def _is_indicator(values: Sequence[str]) -> bool:
    sample = {value.strip().casefold() for value in values[:SAMPLE]}
    return sample <= {*YES, *NO} - {""} and not sample.isdisjoint(NO)


def from_indicators(table: Table, names: Sequence[str]) -> list[str]:
    """For each row the names of the columns that hold a 1. Raises InputError for what is neither 0 nor 1."""
    found: list[str] = []
    for row, values in enumerate(zip(*(table.texts(name) for name in names), strict=True)):
        plain = [value.strip().casefold() for value in values]
        for name, value in zip(names, plain, strict=True):
            if value not in YES and value not in NO:
                raise InputError(
                    f"{table.where(row)}: {name!r} is one of several columns of labels and holds {value!r}, not 0 or 1"
                )
        found.append(WRITTEN.join(name for name, value in zip(names, plain, strict=True) if value in YES) or NONE)
    return found


def refused(table: Table, names: Sequence[str], role: str) -> str:
    """What to say of a file without a column of labels, but with several of 0 and 1."""
    labels = Counter(from_indicators(table, names))
    several = sum(count for label, count in labels.items() if WRITTEN in label)
    listed = ",".join(names)
    return (
        f"{table.source}: no column is called {role}, and {len(names):,} columns hold 0 and 1 alone: {some(names, most=8)}. "
        f"Where each is a label, {several:,} of {len(table):,} rows have several and {labels[NONE]:,} none; one label a row is "
        f"learned here. data.{role}=COLUMN learns one of them; data.{role}=[{listed}] takes the name of the column with the 1"
        + (", and with data.label_combinations=keep every combination is a class of its own" if several else "")
    )
