"""Labelled rows for a sealed artifact, read as its training would read them, and its answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.contracts.data.format import Quote
from framework.contracts.data.table import Table
from framework.contracts.task import Answers
from framework.data.columns import NONE
from framework.data.joined import Columns
from framework.errors import InputError, nearest
from framework.evaluation.judge import answers_to
from framework.runtime.model import Model


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: columns by role, where they are not to be found by themselves; encoding, quotes, format."""

    columns: Mapping[str, Columns] = field(default_factory=dict)
    encoding: str | None = None
    quote: str | None = None
    format_name: str | None = None


def read_rows(model: Model, file: str | Path, reading: Reading) -> tuple[Table, list[str]]:
    """Rows in the task's columns, and what was inferred and left out. Raises InputError."""
    from framework.data.loading import read_labelled

    columns = _checked(model, reading.columns)
    known = {role: name for role, name in model.manifest.data.names.items() if role not in columns}
    named = {**_left_out(model), **columns}
    quote = _quote(reading.quote)
    about = {"format_name": reading.format_name, **_spellings(model)}
    return read_labelled(str(file), model.task, reading.encoding, known, named, _options(model), quote, **about)


def answer_rows(model: Model, table: Table) -> Answers:
    """Raises InputError naming the line of a row that it cannot take."""
    from tqdm import tqdm

    model.catch_up()
    with tqdm(total=len(table), unit=" rows", disable=None, leave=False) as progress:
        model.scheduler.answered = progress.update
        try:
            return answers_to(model.task, model.scheduler, table)
        finally:
            model.scheduler.answered = None


def _checked(model: Model, columns: Mapping[str, Columns]) -> Mapping[str, Columns]:
    roles = [column.role for column in model.task.every_column]
    wrong = [role for role, names in columns.items() if role not in roles or not names]
    if wrong:
        raise InputError(f"columns of {', '.join(map(repr, wrong))}: a ROLE is {' or '.join(roles)}, and its column has a name")
    return columns


def _quote(name: str | None) -> Quote | None:
    if name is None:
        return None
    if name not in Quote.__members__:
        raise InputError(f"no quote {name!r}; {nearest(name, Quote.__members__, 'quotes')}")
    return Quote[name]


def _options(model: Model) -> Any:
    """The task's options that the artifact was made with, which decide how rows are read."""
    from omegaconf import OmegaConf

    from framework.recipe.validation import options_of

    options = model.task.options
    schema, sealed = OmegaConf.structured(options), _recipe(model).task
    return options_of(OmegaConf.merge(schema, {key: sealed[key] for key in schema if key in sealed}), options)


def _left_out(model: Model) -> dict[str, Columns]:
    """The columns that training was told not to read: they are not found by their names here either."""
    data = _recipe(model).data
    source = data if data.get("train") else data.get("source") or {}
    roles = [column.role for column in model.task.every_column if column.optional]
    return {role: NONE for role in roles if source.get(role) == NONE}


def _spellings(model: Model) -> dict[str, Any]:
    """How training told labels apart, for `read_labelled`."""
    data = _recipe(model).data
    classes = (model.manifest.data.classes or None) if data.merge_spellings else None
    return {"classes": classes, "combines": data.label_combinations == "keep"}


def _recipe(model: Model) -> Any:
    """The recipe that the artifact was made with."""
    from framework.recipe.literal import read_kept

    return read_kept(model.artifact.folder / "recipe.yaml")


def values_by_row(model: Model, file: str | Path, table: Table, column: str, reading: Reading) -> Sequence[str]:
    """What a further column of the file says of each row of the table, which was read from it. Raises InputError."""
    from framework.data.formats.reading import iter_rows
    from framework.data.sources import locate

    by_line: dict[int, str] = {}
    path, quote = locate(str(file)), _quote(reading.quote)
    for row in iter_rows(path, reading.encoding, quote=quote, format_name=reading.format_name, task=model.task.name):
        if column not in row.values:
            raise InputError(
                f"{table.where(0)}: no column {column!r} to part the rows by; {nearest(column, row.values, 'columns')}"
            )
        by_line[row.line] = row.values[column]
    return [by_line[line] for line in table.lines]
