"""Reads labelled rows for a sealed artifact in the same way as the artifact's training data, and answers these rows."""

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
class LabelledOptions:
    """How to read a labelled file; fields that are None are detected."""

    columns: Mapping[str, Columns] = field(default_factory=dict)
    """Headers by role, for columns that are not recognised."""
    encoding: str | None = None
    quote: str | None = None
    """The name of a `Quote`."""
    format_name: str | None = None


def read_rows(model: Model, file: str | Path, options: LabelledOptions) -> tuple[Table, list[str]]:
    """The rows in the task's columns, and sentences about what was inferred and left out.

    Raises InputError for a file that cannot be read, for missing columns, and for labels that cannot be used.
    """
    from framework.data.loading import read_labelled

    columns = _check_columns(model, options.columns)
    trained = {role: name for role, name in model.manifest.data.names.items() if role not in columns}
    named = {**_ignored_columns(model), **columns}
    quote = _quote(options.quote)
    about = {"format_name": options.format_name, **_spellings(model)}
    return read_labelled(str(file), model.task, options.encoding, trained, named, _task_options(model), quote, **about)


def answer_rows(model: Model, table: Table) -> Answers:
    """The model's answers to the rows. Raises InputError naming the line of a row that the codec refuses."""
    from tqdm import tqdm

    model.catch_up()
    with tqdm(total=len(table), unit=" rows", disable=None, leave=False) as progress:
        model.scheduler.answered = progress.update
        try:
            return answers_to(model.task, model.scheduler, table)
        finally:
            model.scheduler.answered = None


def _check_columns(model: Model, columns: Mapping[str, Columns]) -> Mapping[str, Columns]:
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


def _task_options(model: Model) -> Any:
    """The options of the task in the artifact's recipe; they decide how rows are read."""
    from omegaconf import OmegaConf

    from framework.recipe.validation import options_of

    options = model.task.options
    schema, sealed = OmegaConf.structured(options), _recipe(model).task
    return options_of(OmegaConf.merge(schema, {key: sealed[key] for key in schema if key in sealed}), options)


def _ignored_columns(model: Model) -> dict[str, Columns]:
    """`NONE` for each optional role that the recipe set to "none", so that its headers are not recognised here either."""
    data = _recipe(model).data
    source = data if data.get("train") else data.get("source") or {}
    roles = [column.role for column in model.task.every_column if column.optional]
    return {role: NONE for role in roles if source.get(role) == NONE}


def _spellings(model: Model) -> dict[str, Any]:
    """Arguments of `read_labelled`: the labels of training, None: labels stay as written; and whether a class may be a
    combination of labels.
    """
    data = _recipe(model).data
    classes = (model.manifest.data.classes or None) if data.merge_spellings else None
    source = data if data.get("train") else data.get("source") or {}
    combines = data.label_combinations == "keep"
    return {"classes": classes, "combines": combines, "label_separator": source.get("label_separator")}


def _recipe(model: Model) -> Any:
    """The artifact's recipe."""
    from framework.recipe.literal import read_kept

    return read_kept(model.artifact.folder / "recipe.yaml")


def values_by_row(model: Model, file: str | Path, table: Table, column: str, options: LabelledOptions) -> Sequence[str]:
    """For each row of `table`, which was read from `file`, the value of a further column of the file. column: its header.

    Raises InputError if there is no such column.
    """
    from framework.data.formats.reading import iter_rows
    from framework.data.sources import locate_all

    by_place: dict[tuple[int, int], str] = {}  # by number of the file, and line
    quote = _quote(options.quote)
    for number, place in enumerate(locate_all(str(file))):
        for row in iter_rows(place.path, options.encoding, quote=quote, format_name=options.format_name, task=model.task.name):
            if column not in row.values:
                raise InputError(
                    f"{table.where(0)}: no column {column!r} to part the rows by; {nearest(column, row.values, 'columns')}"
                )
            by_place[number, row.line] = row.values[column]
    numbers = table.file_of or [0] * len(table)
    return [by_place[place] for place in zip(numbers, table.lines, strict=True)]
