"""Further splits of the training and validation rows, for cross-validation: each holds out other rows for validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from framework.contracts.data.table import Splits, Table
from framework.data.splitting.duplicates import DuplicateRule, without_near_duplicates
from framework.data.splitting.groups import with_groups
from framework.data.splitting.shares import split_off
from framework.errors import InputError


def folds(splits: Splits, rule: DuplicateRule, count: int, seed: int) -> Iterator[Splits]:
    """At most `count` splits with about as many validation rows as `splits` and the same rows in all; no row is held out twice,
    nor one of the validation rows of `splits`.

    They are stratified by label, and near-duplicates and groups stay together. Fewer where no more rows can be held out.
    """
    rows = stacked([splits.train, splits.validation])
    groups = with_groups(without_near_duplicates([rows], rule).groups, rows)
    fresh = np.arange(len(splits.train))  # rows that no split has held out
    for number in range(count):
        share = len(splits.validation) / len(fresh)
        if share >= 1:
            return
        try:
            rest, part = split_off(rows.take(fresh), share, rule.roles, seed + number, groups[fresh])
        except InputError:  # too few rows of each label are left
            return
        held_out = fresh[part]
        train = np.setdiff1d(np.arange(len(rows)), np.flatnonzero(np.isin(groups, groups[held_out])))
        yield replace(splits, train=rows.take(train), validation=rows.take(held_out), whole=None)
        fresh = fresh[rest]


def stacked(tables: Sequence[Table]) -> Table:
    """The rows of all tables, which were read from the same files, in turn."""
    first = tables[0]
    columns = {name: list(chain.from_iterable(table.columns[name] for table in tables)) for name in first.columns}
    lines, file_of, groups = (
        list(chain.from_iterable(getattr(table, name) for table in tables)) for name in ("lines", "file_of", "groups")
    )
    return Table(columns, lines, first.source, first.files, file_of, groups)
