"""The labels of the files of one source, as the task learns them: one a row, a combination of several, or any number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from framework.contracts.data.table import Table
from framework.data.labels.classes import check_classes
from framework.data.labels.combinations import (
    check_alone,
    join_listed_labels,
    notes_on_lists,
    one_label_a_row,
    separator_in,
    separator_of,
    separator_within,
    with_lists,
)
from framework.data.labels.spellings import Spellings
from framework.errors import InputError


@dataclass
class LabelCells:
    """Reads the label column of the tables of one source; that of the training rows first."""

    role: str
    task: str
    """Name of the task."""
    several: bool
    """Whether the task learns any number of labels a row, as lists."""
    combines: bool
    """Whether several labels of a row make a class together; otherwise such rows are an error, unless `several`."""
    classes: Collection[str]
    """Labels of the model that the rows are read for; none where the rows are for training."""
    separator: str | None
    """Stands between labels that a row has as one text, for `several`; None: found in the first table."""
    spellings: Spellings | None
    """None: labels stay as written."""
    recipes: Callable[[], list[str]]
    """The recipes that learn several labels a row, for errors."""
    say: Callable[[str], None]
    """Takes notes."""

    def joined(self, table: Table) -> tuple[Table, str | None]:
        """The table with each list of labels as one text, and the separator in these texts; unchanged for `several`."""
        if self.several:
            return table, None
        table, separator, notes = join_listed_labels(table, self.role)
        for note in notes:
            self.say(note)
        return table, separator

    def read(self, table: Table, column: str, separator: str | None, *, training: bool) -> Table:
        """The table with one spelling for each label.

        column: of the file, as messages name it. separator: stands between labels that `joined` joined. Raises InputError where
        rows have several labels that are neither a class together nor learned, and where the column of training rows holds no
        classes.
        """
        if self.several:
            return self._lists(table, column, training=training)
        if training and separator is None:
            separator = separator_of(set(table.texts(self.role)))
        if not self.combines:
            check_alone(table, self.role, column, separator, self.recipes())
        elif self.spellings is not None and separator is not None:
            self.spellings.separator = separator
        table = self._unified(table)
        if training:
            self._check(table, column)
        return table

    def _lists(self, table: Table, column: str, *, training: bool) -> Table:
        """The table with the distinct labels of each row, sorted."""
        if self.combines:
            raise InputError(
                f"data.label_combinations=keep makes each combination of labels a class, but {self.task} learns each label for "
                "itself: leave it out"
            )
        if self.separator is None:
            classes = self.classes
            self.separator = separator_within(table, self.role, classes) if classes else separator_in(table, self.role)
        table = self._unified(with_lists(table, self.role, self.separator))
        for note in notes_on_lists(table, self.role, self.separator if training else None):
            self.say(note)
        if training:
            self._check(one_label_a_row(table, self.role), column)
        return table

    def _unified(self, table: Table) -> Table:
        if self.spellings is None:
            return table
        table, notes = self.spellings.unify(table)
        for note in notes:
            self.say(note)
        return table

    def _check(self, table: Table, column: str) -> None:
        for note in check_classes(table, self.role, column):
            self.say(note)
