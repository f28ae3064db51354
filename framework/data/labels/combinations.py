"""Rows with several labels: lists, texts with a separator, a column of 0 and 1 for each label.

A column of kind "labels" has them as lists. In one of kind "category" they are an error, or together make a class, a
combination.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from framework.contracts.data.cells import labels_in, labels_of
from framework.contracts.data.table import Table
from framework.contracts.message import message
from framework.errors import InputError, some

SEPARATORS = ("|", ";", ",", "、", "；", "，")
JOINER = "|"  # written between the labels of a list, or of several columns
NONE = "none"  # the label of a row whose indicator columns are all 0
SAMPLE = 2000  # rows by which columns of 0 and 1 are recognised, at most
YES, NO = ("1", "1.0", "true"), ("0", "0.0", "false", "")


def check_alone(table: Table, role: str, column: str, separator: str | None, recipes: Sequence[str]) -> None:
    """Raises InputError where rows hold several labels.

    column: the label column, as messages name it. separator: stands between the labels of a row; None: no row has several.
    recipes: those that learn several labels a row.
    """
    labels = table.texts(role)
    several = [value for value in labels if separator and separator in value]
    if separator is None or not several:
        return
    parts = Counter(part for value in labels for part in dict.fromkeys(_parts(value, separator)))
    names = some([name for name, _ in parts.most_common()], most=5)
    raise InputError(
        f"{table.source}: {len(several):,} of {len(table):,} rows have several labels in {column}, "
        f"{len(set(several)):,} combinations of {len(parts):,} labels such as {names}; one label a row is learned here. "
        f"{_instead(recipes)}, or keep one label of each row; data.label_combinations=keep makes "
        f"every combination a class of its own ({several[0]!r}), which is also right for names with {separator!r} in them"
    )


def separator_of(values: Collection[str]) -> str | None:
    """The separator between the labels of combinations among the values; None where no value is a combination.

    Values are taken for combinations where their parts also occur alone or in other combinations ("Sales, EMEA" is a name), and
    where some part changes its position (the parts of a path or an address do not).
    """
    for separator in SEPARATORS:
        sets = {value: _parts(value, separator) for value in values}
        several = {frozenset(parts): parts for parts in sets.values() if len(set(parts)) > 1}
        alone = {parts[0] for parts in sets.values() if len(parts) == 1}
        uses = Counter(part for parts in several for part in parts)
        reused = [parts for parts in several.values() if all(part in alone or uses[part] > 1 for part in parts)]
        single = [[part] for part in alone & uses.keys()]
        if reused and 2 * len(reused) >= len(several) and _change_position([*reused, *single]):
            return separator
    return None


def _parts(value: str, separator: str) -> list[str]:
    return [part.strip() for part in value.split(separator) if part.strip()]


def _change_position(combinations: Iterable[Sequence[str]]) -> bool:
    """Whether any part stands at different positions in two combinations."""
    place: dict[str, int] = {}
    return any(place.setdefault(part, i) != i for parts in combinations for i, part in enumerate(parts))


def join_listed_labels(table: Table, role: str) -> tuple[Table, str | None, list[str]]:
    """The table with each list of labels as one text; the separator in these texts, None: no list holds several; and notes.

    A list of one label becomes that label, an empty list becomes blank. role: the label column.
    """
    counts = Counter(table.texts(role))
    lists = {value: labels for value in counts if (labels := labels_of(value)) is not None}
    if not lists:
        return table, None, []
    texts = {value: JOINER.join(labels) for value, labels in lists.items()}
    column = [texts.get(value, value) for value in table.texts(role)]
    table = replace(table, columns={**table.columns, role: column})
    single = sum(counts[value] for value, labels in lists.items() if len(labels) == 1)
    note = message(
        "{rows:,} rows of {file} have a list of one {role}, which was taken as that {role}",
        rows=single,
        file=table.name,
        role=role,
    )
    notes: list[str] = [note] if single else []
    return table, JOINER if any(len(labels) > 1 for labels in lists.values()) else None, notes


def indicators(table: Table, used: Collection[str]) -> list[str]:
    """The unused columns that hold only 0 and 1 (or 0.0 and 1.0, false and true), as one-hot and multi-hot labels do."""
    return [name for name in table.columns if name not in used and _is_indicator(table.texts(name))]


def _is_indicator(values: Sequence[str]) -> bool:
    sample = {value.strip().casefold() for value in values[:SAMPLE]}
    return sample <= {*YES, *NO} - {""} and not sample.isdisjoint(NO)


def from_indicators(table: Table, names: Sequence[str]) -> list[list[str]]:
    """For each row the names of the columns that hold a 1. Raises InputError for a value that is neither 0 nor 1."""
    labels: list[list[str]] = []
    for row, values in enumerate(zip(*(table.texts(name) for name in names), strict=True)):
        plain = [value.strip().casefold() for value in values]
        for name, value in zip(names, plain, strict=True):
            if value not in YES and value not in NO:
                raise InputError(
                    f"{table.where(row)}: {name!r} is one of several columns of labels and holds {value!r}, not 0 or 1"
                )
        labels.append([name for name, value in zip(names, plain, strict=True) if value in YES])
    return labels


def combined(lists: Iterable[Sequence[str]]) -> list[str]:
    """Each list of labels as one label, a combination; `NONE` for an empty one."""
    return [JOINER.join(labels) or NONE for labels in lists]


def with_lists(table: Table, role: str, separator: str | None) -> Table:
    """The table with the distinct labels of each row, sorted. separator: stands between labels that a list has as one text."""

    def parts(label: str) -> list[str]:
        return [label] if separator is None else _parts(label, separator)

    column = [sorted({part for label in cell for part in parts(label)}) for cell in table.lists(role)]
    return replace(table, columns={**table.columns, role: column})


def separator_in(table: Table, role: str) -> str | None:
    """The separator between labels of rows whose labels are one text; None where there is none, or rows have lists."""
    lists = table.lists(role)
    return None if any(len(labels) > 1 for labels in lists) else separator_of({label for labels in lists for label in labels})


def separator_within(table: Table, role: str, classes: Collection[str]) -> str | None:
    """The separator by which most cells that are not one of the classes consist of classes; None where none does."""
    folded = set(map(str.casefold, classes))
    texts = {label.casefold() for labels in table.lists(role) for label in labels} - folded
    counts = {one: sum({*_parts(text, one)} <= folded for text in texts if one in text) for one in SEPARATORS}
    best = max(SEPARATORS, key=counts.__getitem__)
    return best if counts[best] else None


def one_label_a_row(table: Table, role: str) -> Table:
    """A table of `role` alone with a row for each label of each row."""
    labels = [(label, line) for cell, line in zip(table.columns[role], table.lines, strict=True) for label in labels_in(cell)]
    return Table({role: [label for label, _ in labels]}, [line for _, line in labels], table.source)


def _instead(recipes: Sequence[str]) -> str:
    return " or ".join(f"recipe={recipe}" for recipe in recipes) + " learns them" if recipes else "Train a model for each label"


def explain_indicators(table: Table, names: Sequence[str], role: str, recipes: Sequence[str]) -> str:
    """The message for a file that has several columns of 0 and 1 in place of a label column.

    names: of these columns. recipes: those that learn several labels a row.
    """
    rows = Counter(map(len, from_indicators(table, names)))
    several = rows.total() - rows[0] - rows[1]
    listed = ",".join(names)
    return (
        f"{table.source}: no column is called {role}, and {len(names):,} columns hold 0 and 1 alone: {some(names, most=8)}. "
        f"Where each is a label, {several:,} of {len(table):,} rows have several and {rows[0]:,} none; one label a row is "
        f"learned here. {_instead(recipes)}; data.{role}=COLUMN learns one of them; data.{role}=[{listed}] takes the name of "
        "the column with the 1"
        + (", and with data.label_combinations=keep every combination is a class of its own" if several else "")
    )


def notes_on_lists(table: Table, role: str, separator: str | None) -> Iterator[str]:
    """What a reader of the file should know about its rows with none, one and several labels."""
    counts = list(map(len, table.lists(role)))
    values: Mapping[str, Any] = {"file": table.name, "role": role, "rows": counts.count(0), "all": len(table)}
    if values["rows"]:
        yield message("{rows:,} of {all:,} rows of {file} have no {role}: such texts are learned as texts with none", **values)
    if separator is not None:
        yield message("the labels of a row of {file} stand between {separator!r}", file=table.name, separator=separator)
    if max(counts, default=0) < 2:
        yield message(
            "no row of {file} has several labels; data.label_separator= says what stands between them, where it is not | ; ,",
            file=table.name,
        )
