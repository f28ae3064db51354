"""What columns hold once their roles are known: of several things a cell, each text of a file is read once."""

from __future__ import annotations

from collections.abc import Sequence

from framework.contracts.data.cells import STRUCTURED, Cell, parse_cell
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Table
from framework.errors import InputError

SHOWN = 5  # problems named in one message


def typed(table: Table, column: Column, values: Sequence[str]) -> Sequence[Cell]:
    """The values of a role as its kind says; texts stay where they lie.

    table: which rows are meant, for errors. Raises InputError naming the first rows whose value is not of that kind.
    """
    if column.kind not in STRUCTURED:
        return values
    cells: list[Cell] = []
    problems: dict[str, list[int]] = {}
    for row, text in enumerate(values):
        try:
            cells.append(parse_cell(column.kind, text))
        except InputError as error:
            problems.setdefault(str(error), []).append(row)
    if problems:
        raise InputError(*by_row(table, column.role, problems))
    return cells


def by_row(table: Table, role: str, problems: dict[str, list[int]]) -> list[str]:
    """A line for each of the first problems. problems: the rows that have each."""
    shown = list(problems.items())[:SHOWN]
    lines = [f"{table.where(r[0])}, {role}: {what}{f' (so do {len(r) - 1:,} more rows)' * (len(r) > 1)}" for what, r in shown]
    left = sum(map(len, problems.values())) - sum(len(rows) for _, rows in shown)
    return [*lines, *([f"{left:,} more rows cannot be read"] * bool(left))]
