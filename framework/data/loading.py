"""From the recipe's `data:` section to splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from framework.contracts import Section, Task
from framework.data.columns import assign_roles, none_of
from framework.data.hub import own_splits, parse
from framework.data.labels import Spellings, check_classes, check_header
from framework.data.needs import Shares, SideTable
from framework.data.opening import format_by_name
from framework.data.problems import ids_in_texts
from framework.data.quotes import Quote
from framework.data.reading import Read, read_table
from framework.data.repeats import one_row_each
from framework.data.sources import HUB, addresses, locate_all
from framework.data.splits import (
    Roles,
    at_most,
    fingerprint,
    normal_forms,
    split_off,
    without_blank,
    without_duplicates,
    without_empty,
    without_near_duplicates,
)
from framework.data.table import Splits, Table, Texts
from framework.errors import FrameworkError, InputError, nearest, some
from framework.plugins import resolve

SPLITS = ("train", "validation", "test")
ADDRESS = 4096  # characters of one path: names of files are recorded whole
LONG = 100_000  # characters of one text, from which a quote may be missing


def load_splits(data: Any, task: Task, seed: int, options: Any = None) -> Splits:
    """Reads, cleans and splits what the recipe names. `data` is the composed `data:` section, a `DataConfig`; `options`
    are the task's, None: its defaults.

    `data.train` replaces `data.source` altogether: its files, encoding, columns and licence. The rows of a test file stay,
    all of them unless `data.test_rows` says otherwise: training rows that repeat their texts, or nearly, are left out.
    """
    source = data if data.train else data.source
    reader = _Reader(source, task, options, merge=data.merge_spellings)
    tables = {name: table for name in SPLITS if (table := reader.read(name)) is not None}
    splits = _split(data, task, seed, reader, tables)
    about = {"source": _describe(source, task), "licence": _licence(source), "columns": reader.columns}
    return replace(splits, about={**splits.about, **about, "rows": splits.rows(), "sha256": fingerprint(splits)})


def _split(data: Any, task: Task, seed: int, reader: _Reader, tables: Mapping[str, Table]) -> Splits:
    if task.split is None:
        return _independent(data, task, seed, reader, tables)
    if data.test_rows is not None:
        raise InputError(
            f"data.test_rows is not for {task.name}, which splits its rows by itself: data.held_out_rows says how many"
        )
    further = {table.name: found for table in task.tables if (found := reader.read_further(table)) is not None}
    shares = Shares(data.validation_fraction, data.test_fraction, data.held_out_rows, data.limit_rows)
    splits: Splits = resolve(task.split)(tables, reader.options, shares, seed, reader.say)
    return replace(splits, notes=[*reader.notes, *splits.notes], tables=further)


def _independent(data: Any, task: Task, seed: int, reader: _Reader, tables: Mapping[str, Table]) -> Splits:
    """Rows that each say something alone: none stands in two splits, nor one that nearly repeats it."""
    roles, notes = reader.roles, reader.notes
    train, validation, test = tables["train"], tables.get("validation"), tables.get("test")
    seen = set(normal_forms(test, roles) or ()) if test else set()
    if validation is not None:
        validation, seen, found = without_duplicates(validation, roles, seen)
        notes += found
    train, _, found = without_duplicates(train, roles, seen)
    notes += found
    given = [table for table in (test, validation) if table is not None]
    apart = without_near_duplicates([*given, train], roles)
    train, groups, notes = apart.tables[-1], apart.groups, notes + apart.notes
    if validation is not None:
        validation = apart.tables[len(given) - 1]
    total = len(train)
    if not total:
        raise InputError(f"{train.source}: every row stands in the validation or test file too; nothing is left to train on")
    if test is None:
        rest, part = split_off(train, _share(data.test_fraction, total, data.held_out_rows), roles, seed, groups)
        train, test, groups = train.take(rest), train.take(part), groups[rest]
    if validation is None:
        share = _share(data.validation_fraction, total, data.held_out_rows) * total / len(train)
        rest, part = split_off(train, share, roles, seed + 1, groups)
        train, validation = train.take(rest), train.take(part)
    if data.limit_rows is not None and len(train) > data.limit_rows:
        available = len(train)
        train = at_most(train, data.limit_rows, roles, seed + 2)
        notes.append(f"training on {len(train):,} of {available:,} training rows; data.limit_rows=null takes all")
    test = judged(task, test)
    if data.test_rows is not None and len(test) > data.test_rows:
        notes.append(f"{data.test_rows:,} of {len(test):,} test rows are judged; data.test_rows=null takes all")
        test = test.sample(data.test_rows, seed + 3)
    return Splits(train, judged(task, validation), test, notes)


def _share(fraction: float, rows: int, most: int | None) -> float:
    """Of very many rows a few tell as much: a share's standard error is below 0.4 points from 20,000 rows on."""
    return fraction if most is None else min(fraction, most / rows)


class _Reader:
    """Reads the files of one source: columns renamed to roles, empty rows left out, in the shape that the task works on."""

    def __init__(self, source: Any, task: Task, options: Any, merge: bool) -> None:
        self.source = source
        self.task = task
        self.options = task.options() if options is None else options
        self.notes: list[str] = []
        self.columns: dict[str, str] = {}
        self.roles = Roles.of([column for column in task.columns if not column.optional] if task.split else task.canonical)
        self.spellings = Spellings(self.roles.balanced) if self.roles.balanced and merge else None
        self.files = {name: getattr(source, name) for name in SPLITS if getattr(source, name, None)}
        self.implied = self._splits_of_the_data_set()
        self.files |= self.implied

    def _splits_of_the_data_set(self) -> dict[str, str]:
        """A Hugging Face data set given for training alone brings its own validation and test splits."""
        given = addresses(self.files.get("train", ""))
        if set(self.files) != {"train"} or len(given) > 1 or not given[0].startswith(HUB) or parse(given[0]).split:
            return {}
        own = {name: address for name, address in own_splits(given[0]).items() if name != "train"}
        if own:
            self.say(f"{' and '.join(own)} rows are the data set's own: {', '.join(own.values())}")
        return own

    def say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def read(self, split: str) -> Table | None:
        """The files of a split, None when the source names none."""
        if split not in self.files:
            return None
        read = read_table(locate_all(self.files[split], self.say), self.source.encoding, self.say, self.source.quote)
        found = self._roles(read)
        names = {role: name for role, (name, _) in found.items()}
        self.columns = names | self.columns
        renamed = {role: read.table.columns[name] for role, name in names.items()}
        table = replace(read.table, columns=renamed)
        texts = [role for role in Roles.of(self.task.columns).texts if role in names]
        for note in ids_in_texts(read.table, [names[role] for role in texts], set(names.values())):
            self.say(note)
        if split in self.implied and self._unlabelled(table):
            self.say(f"{self.files[split]} has no labels and is not used")
            return None
        self._note_long_texts(table, texts)
        table = self._shaped(table)
        table, dropped = without_empty(table, self.roles)
        self.notes += dropped
        if self.spellings is not None:
            table, notes = self.spellings.unify(table)
            self.notes += notes
        if split == "train" and self.roles.balanced:
            check_classes(table, self.roles.balanced, names[self.roles.balanced])
        return table

    def read_further(self, further: SideTable) -> Table | None:
        """A further file of the task, with the columns that have no role under their own names; None when there is none."""
        address = self.source[further.name]  # as an attribute it may be a method of mappings
        if not address:
            return None
        read = read_table(locate_all(address, self.say), self.source.encoding, self.say, self.source.quote)
        found = assign_roles(read.table, further.columns, {c.role: self.source[c.role] for c in further.columns})
        self._say_roles(read.table, found)
        names = {name: role for role, (name, _) in found.items()}
        self.columns |= {role: name for name, role in names.items()}
        table = replace(read.table, columns={names.get(name, name): values for name, values in read.table.columns.items()})
        table, _ = without_empty(table, Roles([c.role for c in further.columns if not c.optional], [], None))
        for column in further.columns:
            table = one_row_each(table, column.role, self.say) if column.kind == "id" and not column.optional else table
        return table

    def _say_roles(self, table: Table, found: Mapping[str, tuple[str, str]]) -> None:
        for role, (name, why) in found.items():
            if why != "as given":
                self.say(f"{role} of {table.name} is the column {name!r} ({why}); data.{role}=COLUMN chooses another")

    def _roles(self, read: Read) -> dict[str, tuple[str, str]]:
        """Role -> (column, why), as in the training files; the same in each file of a split."""
        table = read.table
        chosen = {column.role: getattr(self.source, column.role) for column in self.task.columns}
        chosen |= {role: name for role, name in self.columns.items() if name in table.columns}
        try:
            found = assign_roles(table, self.task.columns, chosen)
        except InputError as error:
            raise InputError(*error.problems, *self.notes) from error  # what was detected may be why
        self._say_roles(table, found)
        optional = {column.role: column.optional for column in self.task.columns}
        problems = [
            f"{file}: no column {name!r} as in {read.files[0].name}; {nearest(name, columns, 'its columns')}"
            for file, columns in zip(read.files, read.columns, strict=True)
            for role, (name, _) in found.items()
            if columns and name not in columns and not optional[role]
        ]
        problems += [
            none_of(str(file), self.task.columns, sorted(columns))
            for file, columns in zip(read.files, read.columns, strict=True)
            if columns and all(name not in columns for name, _ in found.values())
        ] * (not problems)
        if problems:
            raise InputError(*problems)
        if format_by_name(read.files[0])[1] == "delimited":
            categories = [(c.role, found[c.role][0]) for c in self.task.columns if c.kind == "category" and c.role in found]
            check_header(table, categories, str(read.files[0]))
        return found

    def _unlabelled(self, table: Table) -> bool:
        targets = [table.columns[c.role] for c in self.task.columns if c.target and c.role in table.columns]
        return any(not any(map(str.strip, values)) for values in targets)

    def _shaped(self, table: Table) -> Table:
        """The table in the columns that the task works on."""
        if self.task.shape is None:
            return table
        table, dropped = without_blank(table)
        needed = [column.role for column in self.task.columns if not column.optional]
        if needed:
            table, more = without_empty(table, replace(self.roles, needed=needed))
            dropped += more
        self.notes += dropped
        try:
            shaped: Table = resolve(self.task.shape)(table, self.options, self.say)
        except InputError as error:
            raise InputError(*error.problems, *self.notes) from error  # which columns were taken may be why
        if set(shaped.columns) != {column.role for column in self.task.canonical}:
            raise FrameworkError(f"{self.task.shape} of task {self.task.name} made the columns {some(list(shaped.columns))}")
        return shaped

    def _note_long_texts(self, table: Table, roles: Sequence[str]) -> None:
        for role in roles:
            values = table.columns[role]
            if isinstance(values, Texts) and (longest := values.longest())[1] >= LONG:
                row, characters = longest
                self.say(f"{table.where(row)} holds a {role} of {characters:,} characters; is a quote missing in the file?")


def read_labelled(
    address: str,
    task: Task,
    encoding: str | None,
    known: Mapping[str, str],
    given: Mapping[str, str],
    options: Any = None,
    quote: Quote | None = None,
) -> tuple[Table, list[str]]:
    """One labelled file as training reads it, its columns renamed to roles, and what was inferred and left out.

    known: names by role, used where the file has them. given: names by role that the file must have. options: of the task.
    """
    roles = {column.role: given.get(column.role) for column in task.columns}
    reader = _Reader(SimpleNamespace(test=address, encoding=encoding, quote=quote, **roles), task, options, merge=False)
    reader.columns = dict(known)
    table = reader.read("test")
    assert table is not None
    if task.labelled is not None:
        return resolve(task.labelled)(table, reader.options, reader.say), reader.notes
    return judged(task, table), reader.notes


def judged(task: Task, table: Table) -> Table:
    """The rows of validation or test that are answered."""
    if task.judged is None:
        return table
    found: Table = resolve(task.judged)(table)
    return found


def _describe(source: Any, task: Task) -> str:
    names = [name for name in (*SPLITS, *(table.name for table in task.tables)) if source[name]]
    files = ", ".join(some(addresses(source[name]), quoted=False, longest=ADDRESS) for name in names)
    return f"{source.description} ({files})" if source.description else files


def _licence(source: Any) -> str:
    return source.licence or "not stated (data.licence= records it)"


def sections(splits: Splits) -> list[Section]:
    """What the data is and what was done to it, for people."""
    rows = [(name, f"{count:,}") for name, count in splits.rows().items()]
    about = f"source: {splits.about['source']}\nlicence: {splits.about['licence']}"
    return [Section("Data", ("split", "rows"), rows, "\n".join([about, *splits.notes]))]
