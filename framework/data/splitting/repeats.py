"""Rows of a further file that are about the same thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.contracts.data.cells import as_text
from framework.contracts.data.table import Table, Texts
from framework.contracts.message import message
from framework.data.encoding import codes


def one_row_each(table: Table, role: str, say: Callable[[str], None]) -> Table:
    """Of the rows with the same value of a role the last one. How many repeat another, and how many of them differ from it, is
    said.
    """
    numbered, distinct = codes(table.texts(role))
    if len(distinct) == len(table):
        return table
    last = np.zeros(len(distinct), dtype=np.int64)
    last[numbered] = np.arange(len(table))  # of several rows the last one written stays
    others = np.setdiff1d(np.arange(len(table)), last)
    same = last[numbered[others]]
    differ = np.zeros(len(others), dtype=bool)
    for values in table.columns.values():
        places = codes(values if isinstance(values, Texts) else list(map(as_text, values)))[0]
        differ |= places[others] != places[same]
    note = message(
        "{rows:,} of {all:,} rows of {file} repeat the {role} of a later row ({place}, for example), {other:,} of them with "
        "other values; the last row of each counts",
        rows=len(others),
        all=len(table),
        file=table.name,
        role=role,
        place=table.where(int(others[0])),
        other=int(differ.sum()),
    )
    say(note)
    return table.take(np.sort(last))
