"""Repeated ids in side tables, such as two rows on one item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.contracts.data.cells import as_text
from framework.contracts.data.table import Table, Texts
from framework.contracts.message import message
from framework.data.encoding import codes


def one_row_each(table: Table, role: str, say: Callable[[str], None]) -> Table:
    """The table with only the last row of each value of a role. say: takes a note on how many rows were repeated, and how many
    of these have other values.
    """
    numbered, distinct = codes(table.texts(role))
    if len(distinct) == len(table):
        return table
    last = np.zeros(len(distinct), dtype=np.int64)
    last[numbered] = np.arange(len(table))  # the last row of each value is written last
    repeats = np.setdiff1d(np.arange(len(table)), last)
    kept = last[numbered[repeats]]  # for each repeat the row that stays
    differ = np.zeros(len(repeats), dtype=bool)
    for values in table.columns.values():
        column = codes(values if isinstance(values, Texts) else list(map(as_text, values)))[0]
        differ |= column[repeats] != column[kept]
    note = message(
        "{rows:,} of {all:,} rows of {file} repeat the {role} of a later row ({place}, for example), {other:,} of them with "
        "other values; the last row of each counts",
        rows=len(repeats),
        all=len(table),
        file=table.name,
        role=role,
        place=table.where(int(repeats[0])),
        other=int(differ.sum()),
    )
    say(note)
    return table.take(np.sort(last))
