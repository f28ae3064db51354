"""Loads the splits that the recipe's `data:` section describes, and single labelled files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from framework.contracts.data.cells import labels_in
from framework.contracts.data.columns import Shares
from framework.contracts.data.format import Quote
from framework.contracts.data.table import Splits, Table
from framework.contracts.message import joined, message, messages
from framework.contracts.section import Section
from framework.contracts.task import SplitsItself
from framework.data.joined import Columns
from framework.data.labelled import SPLITS, Reader, roles_of
from framework.data.labels.combinations import separator_of
from framework.data.labels.spellings import Spellings
from framework.data.sources import addresses
from framework.data.splitting.excluded import without_excluded
from framework.data.splitting.independent import Independent
from framework.data.splitting.shares import fingerprint
from framework.errors import InputError, some
from framework.plugins import AnyTask

ADDRESS = 4096  # characters shown of one path, so that names of files are recorded in full
APART = message("data.merge_spellings=false keeps them apart")


def load_splits(data: Any, task: AnyTask, seed: int, options: Any = None) -> Splits:
    """Reads, cleans and splits the files of a recipe.

    data: the composed `data:` section, a `DataConfig`. options: of the task; None: its defaults.

    `data.train` replaces all of `data.source`: files, encoding, columns and licence. A given test file keeps its rows, up to
    `data.test_rows` of them; training rows that repeat a test row, or nearly repeat it, are left out instead.

    Raises InputError.
    """
    source = data if data.train else data.source
    role = roles_of(task).balanced
    spellings = Spellings(role, hint=APART) if role and data.merge_spellings else None
    reader = Reader(source, task, options, spellings, combines=data.label_combinations.name == "keep")
    with explained(reader.notes):
        tables = {name: table for name in SPLITS if (table := reader.read(name)) is not None}
        splits = _split(data, task, seed, reader, tables)
        if data.exclude is not None:
            splits = without_excluded(splits, data.exclude, reader.places)
    classes = sorted({label for cell in tables["train"].columns[role] for label in labels_in(cell)}) if role else []
    about = {"source": _describe(source, task), "licence": _licence(source), "columns": reader.columns, "classes": classes}
    return replace(splits, about={**splits.about, **about, "rows": splits.rows(), "sha256": fingerprint(splits)})


@contextmanager
def explained(notes: Iterable[str]) -> Iterator[None]:
    """Adds `notes`, on what was inferred and left out, to an InputError of the block, because they may tell the cause."""
    try:
        yield
    except InputError as error:
        raise InputError(*error.problems, *(note for note in notes if note not in error.problems)) from error


def _split(data: Any, task: AnyTask, seed: int, reader: Reader, tables: Mapping[str, Table]) -> Splits:
    if not isinstance(task, SplitsItself):
        return Independent(data, task, seed, reader.roles, reader.group, reader.notes).split(tables)
    together = "rows of a user belong together there"
    for key, instead in (("test_rows", "data.held_out_rows says how many"), ("group", together), ("exclude", together)):
        if getattr(data, key) is not None:
            raise InputError(f"data.{key} is not for {task.name}, which splits its rows by itself: {instead}")
    side_tables = {side.name: table for side in task.tables if (table := reader.read_side_table(side)) is not None}
    shares = Shares(data.validation_fraction, data.test_fraction, data.held_out_rows, data.limit_rows)
    splits = task.split(tables, reader.options, shares, seed, reader.say)
    return replace(splits, notes=[*reader.notes, *splits.notes], tables=side_tables)


def read_labelled(
    address: str,
    task: AnyTask,
    encoding: str | None,
    training_columns: Mapping[str, Columns],
    chosen: Mapping[str, Columns],
    options: Any = None,
    quote: Quote | None = None,
    *,
    format_name: str | None = None,
    classes: Sequence[str] | None = None,
    combines: bool = False,
    label_separator: str | None = None,
) -> tuple[Table, list[str]]:
    """One labelled file as training reads it, with its columns by role, and notes on what was inferred and left out.

    encoding, quote, format_name: as in the `data:` section; None: detected. training_columns: headers by role in the training
    files, used where the file has them. chosen: headers by role that the file must have. options: of the task; None: its
    defaults. classes: the labels of the model, whose spelling is used for other spellings of the same label; None: labels stay
    as written. combines: whether a class may be a combination of several labels. label_separator: stands between the labels
    of a row, for a task that learns several; None: found by the classes. Raises InputError.
    """
    role = roles_of(task).balanced
    separator = separator_of(classes) if combines and classes is not None else None
    spellings = Spellings(role, classes, separator) if role and classes is not None else None
    roles = {column.role: chosen.get(column.role) for column in task.every_column}
    about = {"encoding": encoding, "quote": quote, "format": format_name, "label_separator": label_separator}
    source = SimpleNamespace(test=address, **about, **roles)
    reader = Reader(source, task, options, spellings, combines=combines, classes=classes or ())
    reader.columns = dict(training_columns)
    with explained(reader.notes):
        table = reader.read("test")
        assert table is not None
        if isinstance(task, SplitsItself):
            return task.labelled(table, reader.options, reader.say), reader.notes
        return task.judged(table), reader.notes


def _describe(source: Any, task: AnyTask) -> str:
    names = [name for name in (*SPLITS, *(table.name for table in task.tables)) if source[name]]
    files = ", ".join(some(addresses(source[name]), quoted=False, longest=ADDRESS) for name in names)
    return f"{source.description} ({files})" if source.description else files


def _licence(source: Any) -> str:
    return source.licence or message("not stated (data.licence= records it)")


def sections(splits: Splits) -> list[Section]:
    """A section on the source and size of the splits, with the notes on how the data was read, cleaned and split."""
    rows = [(name, f"{count:,}") for name, count in splits.rows().items()]
    about = (
        message("source: {source}", source=splits.about["source"]),
        message("licence: {licence}", licence=splits.about["licence"]),
    )
    return [Section(message("Data"), messages("split", "rows"), rows, joined([*about, *splits.notes]))]
