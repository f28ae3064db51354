"""Turns the texts of a column into the cells that the kind of its role asks for, such as lists of ids."""

from __future__ import annotations

from collections.abc import Sequence

from framework.contracts.data.cells import STRUCTURED, Cell, parse_cell
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Table
from framework.errors import InputError

SHOWN = 5  # problems that one message names, at most


def typed(table: Table, column: Column, values: Sequence[str]) -> Sequence[Cell]:
    """The values of a role as cells of its kind; a column of plain texts is returned as it is.

    table: where the rows are from, for errors. Raises InputError naming the first rows whose value is not of that kind.
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
    """A message for each of the first `SHOWN` problems, and one that counts the rest. problems: problem -> row numbers."""
    shown = list(problems.items())[:SHOWN]
    lines = [
        f"{table.where(rows[0])}, {role}: {problem}{f' (so do {len(rows) - 1:,} more rows)' * (len(rows) > 1)}"
        for problem, rows in shown
    ]
    rest = sum(map(len, problems.values())) - sum(len(rows) for _, rows in shown)
    return [*lines, *([f"{rest:,} more rows cannot be read"] * bool(rest))]
