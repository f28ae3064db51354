"""Rows that belong to no class: their label, and splits without them. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from framework import InputError, Splits, Table, listed, nearest

AUTO = "auto"
NAMES = {
    "oos",
    "ood",
    "outofscope",
    "outofdomain",
    "outofdistribution",
    "noneoftheabove",
    "noneofthese",
    "noneofthem",
    "nointent",
}


def out_of_scope_label(splits: Splits, option: str | None) -> str | None:
    """The label that `task.out_of_scope` means; None where it names none. Raises InputError where rows have no such label."""
    if option is None:
        return None
    labels = sorted({label for table in splits.named().values() for label in table.texts("label")})
    if option in labels:
        return option
    if option != AUTO:
        raise InputError(f"{splits.train.source}: no row has the label task.out_of_scope={option}; {nearest(option, labels)}")
    common = named_so(labels)
    if len(common) != 1:
        which = (
            f"several labels are called so: {listed(common)}" if common else "no label is called oos, out_of_scope or the like"
        )
        raise InputError(f"{splits.train.source}: task.out_of_scope={AUTO}: {which}; write task.out_of_scope=LABEL")
    return common[0]


def named_so(labels: list[str]) -> list[str]:
    """The labels with a common name of what belongs to no class, however it is spelled."""
    return [label for label in labels if re.sub(r"[\W_]+", "", label).casefold() in NAMES]


def without_label(splits: Splits, label: str) -> tuple[Splits, Mapping[str, Table]]:
    """The splits without the rows of a label, and these rows by split."""
    parts = {name: _parted(table, label) for name, table in splits.named().items()}
    train, validation, test = (rest for _, rest in parts.values())
    rest = replace(splits, train=train, validation=validation, test=test)
    return rest, {str(name): rows for name, (rows, _) in parts.items()}


def _parted(table: Table, label: str) -> tuple[Table, Table]:
    """The rows with the label, and those without."""
    has = np.fromiter((value == label for value in table.texts("label")), bool, len(table))
    return table.take(np.flatnonzero(has)), table.take(np.flatnonzero(~has))
