"""Rows that belong together, such as those of a customer: kept in one split; and columns that give a label away."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from framework.contracts.data.table import Table
from framework.contracts.message import message
from framework.data.encoding import codes
from framework.data.splitting.similar import merged

REPEATED = 5  # different values with several rows each, from which a column can be said to decide a label
ROWS = 30  # rows of such values
DECIDES = 0.9  # share of the labels that chance leaves open and the column tells


def groups_apart(tables: Sequence[Table], column: str | None) -> tuple[list[Table], list[str]]:
    """Takes out of each table the rows whose group stands in an earlier one; a note where there were some."""
    seen: set[str] = set()
    kept: list[Table] = []
    notes: list[str] = []
    for table in tables:
        rows = [row for row, group in enumerate(table.groups) if group not in seen] if len(table.groups) else range(len(table))
        left = len(table) - len(rows)
        if left:
            notes.append(
                message(
                    "{rows:,} rows of {file} have a {column} that stands in a held-out split too and were left out",
                    rows=left,
                    file=table.name,
                    column=column,
                )
            )
        kept.append(table.take(rows) if left else table)
        seen |= {group for group in table.groups if group}
    return kept, notes


def with_groups(groups: np.ndarray, table: Table) -> np.ndarray:
    """groups: (rows,) numbers; joined where rows have a group of the table's in common."""
    return merged(groups, table.groups) if len(table.groups) else groups


def deciding(table: Table, target: Sequence[str], role: str, used: Set[str]) -> list[str]:
    """A sentence for each column without a role that decides the label: rows with its value nearly all have the same one.

    Ids, which have few rows a value, and other spellings of the label do not count. target: the labels, called `role`.
    """
    labels, classes = codes(target)
    found: list[str] = []
    for name in table.columns:
        if name in used:
            continue
        numbers, distinct = codes(table.texts(name))
        filled = np.array([bool(value.strip()) for value in distinct], bool)[numbers]
        if len(classes) < len(distinct) <= len(table) / 2 and _decides(numbers[filled], labels[filled]):
            found.append(
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
    return found


def _decides(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether values tell nearly all of the labels that the same values in another order leave open.

    Values of one row tell nothing. values, labels: (rows,) integers from 0.
    """
    counts = np.bincount(values) if len(values) else np.zeros(0, int)
    repeated = counts[values] > 1
    values, labels = values[repeated], labels[repeated]
    if (counts > 1).sum() < REPEATED or len(values) < ROWS:
        return False
    chance = _purity(np.random.default_rng(0).permutation(values), labels)
    return chance < 1 and (_purity(values, labels) - chance) / (1 - chance) >= DECIDES


def _purity(values: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows that have the most frequent label of their value."""
    pairs, counts = np.unique(np.stack([values, labels]), axis=1, return_counts=True)
    most = np.zeros(values.max() + 1, int)
    np.maximum.at(most, pairs[0], counts)
    return float(most.sum() / len(values))
