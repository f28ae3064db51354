"""Labelled files as a task reads them: columns by role, empty rows left out, one spelling for each label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from framework.contracts.data.cells import STRUCTURED
from framework.contracts.data.columns import Column, SideTable
from framework.contracts.data.table import Table, Texts
from framework.contracts.message import joined, message
from framework.contracts.task import SplitsItself
from framework.data.columns import assign_roles, list_headers
from framework.data.finding import GIVEN, cells_of, chosen_as, find_roles, recipes_of_several_labels
from framework.data.formats.reading import Read, read_table
from framework.data.hub import parse, splits_of
from framework.data.joined import Columns, as_columns, parts_of, shown
from framework.data.labels.cells import LabelCells
from framework.data.labels.spellings import Spellings
from framework.data.problems import ids_in_texts, unread_texts
from framework.data.sources import HUB, addresses, locate_all
from framework.data.splitting.groups import columns_that_decide
from framework.data.splitting.repeats import one_row_each
from framework.data.splitting.shares import Roles, filled, without_blank, without_empty
from framework.data.typed import typed
from framework.errors import FrameworkError, InputError, nearest, some
from framework.plugins import AnyTask

SPLITS = ("train", "validation", "test")
LONG = 100_000  # characters; in a file with a longer text a quote is probably missing


class Reader:
    """Reads the files of one source into the columns that the task works on."""

    def __init__(
        self,
        source: Any,
        task: AnyTask,
        options: Any,
        spellings: Spellings | None,
        *,
        combines: bool,
        classes: Collection[str] = (),
        most: int | None = None,
    ) -> None:
        """source: a `DataSource`. options: of the task; None: its defaults. spellings: of the labels; None: labels stay as
        written. combines: whether several labels of a row make a class together; otherwise such rows are an error, unless the
        task learns several. classes: labels of the model that the rows are read for. most: the largest number of rows to read
        of each file; None: all rows.
        """
        self.source = source
        self.task = task
        self.options = task.options() if options is None else options
        self.wanted = task.columns(self.options)
        """Columns that the task reads with these options."""
        self.notes: list[str] = []
        """What was inferred, repaired and left out, each once."""
        self.places: dict[str, Table] = {}
        """For each split that was read its files, and the file and line of every row, also of rows that were left out later."""
        self.columns: dict[str, Columns] = {}
        """By role, the header or headers in the files read so far. Where files differ, those of the file read first stay, so
        the training files are read first."""
        self.roles = roles_of(task)
        self.combines = combines
        self.labels = self._label_cells(spellings, classes)
        """None for a task without a label column."""
        self.most = most
        self.group: str | None = getattr(source, "group", None)
        self.files = {name: getattr(source, name) for name in SPLITS if getattr(source, name, None)}
        self.implied = self._splits_of_the_data_set()
        """What `_splits_of_the_data_set` returned."""
        self.files |= self.implied

    def _splits_of_the_data_set(self) -> dict[str, str]:
        """By split, addresses of the validation and test rows that belong to the data set of the training rows.

        Empty unless `source` names nothing but one Hugging Face data set, without a split, for training.
        """
        train = addresses(self.files.get("train", ""))
        if set(self.files) != {"train"} or len(train) > 1 or not train[0].startswith(HUB) or parse(train[0]).split:
            return {}
        others = {name: address for name, address in splits_of(train[0]).items() if name != "train"}
        if others:
            self.say(
                message(
                    "{splits} rows are the data set's own: {addresses}",
                    splits=joined(others, " and "),
                    addresses=", ".join(others.values()),
                )
            )
        return others

    def _label_cells(self, spellings: Spellings | None, classes: Collection[str]) -> LabelCells | None:
        role = self.roles.balanced
        if role is None:
            return None
        several = any(column.role == role and column.kind == "labels" for column in self.task.canonical)
        separator: str | None = getattr(self.source, "label_separator", None)
        name, recipes = self.task.name, recipes_of_several_labels
        return LabelCells(role, name, several, self.combines, classes, separator, spellings, recipes, self.say)

    def say(self, note: str) -> None:
        """Adds a note, unless it is there already."""
        if note not in self.notes:
            self.notes.append(note)

    def read(self, split: str) -> Table | None:
        """The cleaned rows of a split, with columns by role. Training rows must be read first.

        None where the source names no file for the split, and where a split in `implied` has no labels. Raises InputError for
        files that cannot be read, for missing columns, and for values that are of the wrong kind or are no labels.
        """
        if split not in self.files:
            return None
        read = self._read(self.files[split], self.wanted)
        self.places[split] = replace(read.table, columns={})
        names = self._roles(read)
        self.columns = names | self.columns
        self._say_lists(read, self.wanted, names)
        self._note_long_texts(read.table, names)
        table = self._renamed(read.table, names, split)
        if split in self.implied and self._unlabelled(table):
            self.say(message("{file} has no labels and is not used", file=self.files[split]))
            return None
        separator = None
        if self.labels is not None and self.labels.role in names:
            table, separator = self.labels.joined(table)
        if split == "train":
            self._note_odd_columns(read.table, table, names)
        table = self._shaped(table)
        table, dropped = without_empty(table, self.roles)
        self.notes += dropped
        if self.labels is None:
            return table
        column = shown(self.columns.get(self.labels.role, self.labels.role))
        return self.labels.read(table, column, separator, training=split == "train")

    def _renamed(self, table: Table, names: Mapping[str, Columns], split: str) -> Table:
        """The table with a column for each role, and the group of each row where the source has a group column.

        names: headers by role. Raises InputError where the group column is the target, or is missing in the training files.
        """
        present = [column for column in self.wanted if column.role in names]
        columns = {column.role: cells_of(table, column, names[column.role]) for column in present}
        if self.group is None:
            return replace(table, columns=columns)
        target = self.roles.balanced
        if target and self.group in parts_of(names.get(target, [])):
            raise InputError(f"data.group={self.group} is the {target} itself; data.{target}=COLUMN chooses another")
        if self.group in table.columns:
            return replace(table, columns=columns, groups=table.texts(self.group))
        if split == "train":
            hint = nearest(self.group, table.columns, "its columns")
            raise InputError(f"data.group={self.group}: {table.source} has no such column; {hint}")
        self.say(
            message(
                "{file} has no column {column!r}: its rows may be of groups that stand in training too",
                file=table.name,
                column=self.group,
            )
        )
        return replace(table, columns=columns)

    def _note_odd_columns(self, read: Table, table: Table, names: Mapping[str, Columns]) -> None:
        """Notes columns without a role that decide the label, whose values stand in the texts, or that hold texts themselves.

        read: the rows with the columns of the files. table: the same rows with columns by role. names: headers by role.
        """
        used = {part for columns in names.values() for part in parts_of(columns)} | {self.group or ""}
        texts = [part for role in Roles.of(self.wanted).texts if role in names for part in parts_of(names[role])]
        for note in [*ids_in_texts(read, texts, used), *unread_texts(read, self.wanted, names, used)]:
            self.say(note)
        role = self.roles.balanced
        if role is not None and role in table.columns:
            for note in columns_that_decide(read, self.roles.targets(table), role, used):
                self.say(note)

    def read_side_table(self, side: SideTable) -> Table | None:
        """A side table of the task; columns without a role keep their headers. None where the source names no file for
        the table.

        Raises InputError for files that cannot be read, for missing columns, and for values of the wrong kind.
        """
        address = self.source[side.name]  # source.NAME may be a method of the mapping, such as `items`
        if not address:
            return None
        read = self._read(address, side.columns)
        assigned = assign_roles(read.table, side.columns, {c.role: self.source[c.role] for c in side.columns})
        for role, (name, why) in assigned.items():
            if why != GIVEN[0]:
                self.say(chosen_as(role, read.table, name, why))
        names = {role: name for role, (name, _) in assigned.items()}
        self.columns |= names
        self._say_lists(read, side.columns, names)
        roles = {name: role for role, name in names.items()}
        columns = {roles.get(name, name): values for name, values in read.table.columns.items()}
        for column in [column for column in side.columns if column.role in names]:
            columns[column.role] = typed(read.table, column, read.table.texts(names[column.role]))
        table = replace(read.table, columns=columns)
        table, _ = without_empty(table, Roles([c.role for c in side.columns if not c.optional], [], None))
        for column in side.columns:
            table = one_row_each(table, column.role, self.say) if column.kind == "id" and not column.optional else table
        return table

    def _read(self, address: Any, columns: Sequence[Column]) -> Read:
        lists = list_headers(columns, {c.role: as_columns(getattr(self.source, c.role, None)) for c in columns})
        files, source = locate_all(address, self.say), self.source
        return read_table(
            files,
            source.encoding,
            self.say,
            source.quote,
            lists,
            format_name=source.format,
            task=self.task.name,
            most=self.most,
        )

    def _roles(self, read: Read) -> dict[str, Columns]:
        """Role -> column or columns: those of the files read before, the user's choice, or a guess."""
        header = read.table.columns
        chosen = {column.role: as_columns(getattr(self.source, column.role)) for column in self.wanted}
        chosen |= {role: names for role, names in self.columns.items() if all(name in header for name in parts_of(names))}
        recipes = recipes_of_several_labels()
        return find_roles(read, self.wanted, chosen, self.group, self.say, combines=self.combines, recipes=recipes)

    def _unlabelled(self, table: Table) -> bool:
        """Whether a target column is empty in every row."""
        targets = [table.columns[c.role] for c in self.wanted if c.target and c.role in table.columns]
        return any(not any(filled(values)) for values in targets)

    def _shaped(self, table: Table) -> Table:
        """The table in the columns that the task's `shape` makes, without blank rows.

        Raises InputError if no row is left, FrameworkError if `shape` makes other columns than `Task.canonical`.
        """
        if not self.task.shaped or isinstance(self.task, SplitsItself):
            return table
        table, dropped = without_blank(table)
        needed = [column.role for column in self.wanted if not column.optional]
        if needed:
            table, more = without_empty(table, replace(self.roles, needed=needed))
            dropped += more
        self.notes += dropped
        shaped = self.task.shape(table, self.options, self.say)
        if set(shaped.columns) != {column.role for column in self.task.canonical}:
            raise FrameworkError(f"shape of task {self.task.name} made the columns {some(list(shaped.columns))}")
        return shaped

    def _say_lists(self, read: Read, columns: Sequence[Column], names: Mapping[str, Columns]) -> None:
        """Notes the columns whose lists become texts: those without a role of a structured kind. names: headers by role."""
        structured = [column.role for column in columns if column.kind in STRUCTURED and column.role in names]
        read.say_lists(self.say, but=[part for role in structured for part in parts_of(names[role])])

    def _note_long_texts(self, table: Table, names: Mapping[str, Columns]) -> None:
        """Notes the longest text of each text column where that text has `LONG` characters or more.

        table: as read from the files. names: headers by role.
        """
        for role in [role for role in Roles.of(self.wanted).texts if isinstance(names.get(role), str)]:
            values = table.texts(str(names[role]))
            if isinstance(values, Texts) and (longest := values.longest())[1] >= LONG:
                row, characters = longest
                self.say(
                    message(
                        "{place} holds a {role} of {characters:,} characters; is a quote missing in the file?",
                        place=table.where(row),
                        role=role,
                        characters=characters,
                    )
                )


def roles_of(task: AnyTask) -> Roles:
    """The `Roles` of the columns that `Reader.read` returns: those of `Task.canonical`; for a task that `SplitsItself`, the
    columns of files that are not optional.
    """
    return Roles.of(
        [column for column in task.every_column if not column.optional] if isinstance(task, SplitsItself) else task.canonical
    )
