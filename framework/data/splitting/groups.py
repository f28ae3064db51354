"""Keeps rows that belong together, such as those of a customer, in one split; finds columns that determine the label."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from framework.contracts.data.table import Table
from framework.contracts.message import message
from framework.data.encoding import codes
from framework.data.splitting.similar import merged

REPEATED = 5  # distinct values with several rows each, at least, by which a column is judged
ROWS = 30  # rows of such values, at least
DECIDES = 0.9  # of the labels that chance does not predict, the share that the column must predict


def without_shared_groups(tables: Sequence[Table], column: str | None) -> tuple[list[Table], list[str]]:
    """The tables, each without rows whose group occurs in an earlier one, and notes on what was left out.

    column: header of the group column, for the notes; None: the tables have no groups.
    """
    seen: set[str] = set()
    kept: list[Table] = []
    notes: list[str] = []
    for table in tables:
        rows = [row for row, group in enumerate(table.groups) if group not in seen] if len(table.groups) else range(len(table))
        dropped = len(table) - len(rows)
        if dropped:
            notes.append(
                message(
                    "{rows:,} rows of {file} have a {column} that stands in a held-out split too and were left out",
                    rows=dropped,
                    file=table.name,
                    column=column,
                )
            )
        kept.append(table.take(rows) if dropped else table)
        seen |= {group for group in table.groups if group}
    return kept, notes


def with_groups(groups: np.ndarray, table: Table) -> np.ndarray:
    """(rows,) int64: the groups, joined where their rows share a value of the table's group column.

    groups: (rows,) int64, the number of each row's group.
    """
    return merged(groups, table.groups) if len(table.groups) else groups


def columns_that_decide(table: Table, target: Sequence[str], role: str, used: Set[str]) -> list[str]:
    """A note for each unused column that decides the label: nearly all rows with the same value have the same label.

    Ids, which have few rows a value, and other spellings of the label do not count. target: the labels. role: their role.
    used: columns that have a role or are the group.
    """
    labels, classes = codes(target)
    notes: list[str] = []
    for name in table.columns:
        if name in used:
            continue
        numbers, distinct = codes(table.texts(name))
        filled = np.array([bool(value.strip()) for value in distinct], bool)[numbers]
        if len(classes) < len(distinct) <= len(table) / 2 and _decides(numbers[filled], labels[filled]):
            notes.append(
                message(
                    "the column {column!r} of {file} decides the {role}: rows with the same value ({values:,} values) "
                    "have the same {role}, and a model may learn to tell the values apart instead; data.group={column} keeps "
                    "the rows of each value in one split",
                    column=name,
                    file=table.name,
                    role=role,
                    values=len(distinct),
                )
            )
    return notes


def _decides(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether values predict nearly all labels that permuted values do not; values with a single row do not count.

    values, labels: (rows,) integers from 0.
    """
    counts = np.bincount(values) if len(values) else np.zeros(0, int)
    repeated = counts[values] > 1
    values, labels = values[repeated], labels[repeated]
    if (counts > 1).sum() < REPEATED or len(values) < ROWS:
        return False
    chance = _purity(np.random.default_rng(0).permutation(values), labels)
    return chance < 1 and (_purity(values, labels) - chance) / (1 - chance) >= DECIDES


def _purity(values: np.ndarray, labels: np.ndarray) -> float:
    """Share, from 0 to 1, of the rows whose label is the most frequent one among the rows with the same value."""
    pairs, counts = np.unique(np.stack([values, labels]), axis=1, return_counts=True)
    most = np.zeros(values.max() + 1, int)
    np.maximum.at(most, pairs[0], counts)
    return float(most.sum() / len(values))
