"""Splits independent rows, so that no row of one split repeats, or nearly repeats, a row of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.contracts.data.table import Splits, Table
from framework.contracts.message import message, messages
from framework.data.splitting.duplicates import DuplicateRule, without_duplicates, without_near_duplicates
from framework.data.splitting.groups import with_groups, without_shared_groups
from framework.data.splitting.shares import Roles, at_most, split_off
from framework.errors import InputError
from framework.plugins import AnyTask

VALIDATION, TEST = messages("validation", "test")
TOO_MANY = 1.5  # times the wanted rows of a held-out split, above which a note is made


@dataclass
class Independent:
    """Splits tables as the `data:` section says."""

    data: Any
    """The composed section, a `DataConfig`."""
    task: AnyTask
    seed: int
    roles: Roles
    group: str | None
    """Header of the column whose values keep rows together; None: there is no such column."""
    notes: list[str] = field(default_factory=list)
    """What was left out and why."""

    def split(self, tables: Mapping[str, Table]) -> Splits:
        """The splits of tables by split name, which include "train"; a missing validation or test split is taken from the
        training rows.

        Raises InputError where too few rows are left.
        """
        data = self.data
        train, validation, test, groups = self._apart(tables["train"], tables.get("validation"), tables.get("test"))
        total = len(train)
        if test is None:
            rest, part = self._split_off(train, self._share(data.test_fraction, total, TEST), 0, groups, TEST)
            train, test, groups = train.take(rest), train.take(part), groups[rest]
        if validation is None:
            share = self._share(data.validation_fraction, total, VALIDATION) * total / len(train)
            rest, part = self._split_off(train, share, 1, groups, VALIDATION)
            train, validation = train.take(rest), train.take(part)
        train, test = self._limit_training(train), self._limit_test(self.task.judged(test))
        return Splits(train, self.task.judged(validation), test, self.notes)

    def _share(self, fraction: float, rows: int, name: str) -> float:
        """The fraction of the rows to hold out, at most `data.held_out_rows` of them, with a note where these are fewer.

        From 20,000 rows on the standard error of a measured share is below 0.4 percentage points, so more rows would tell
        little more. rows: how many there are. name: of the split, for the note.
        """
        most = self.data.held_out_rows
        if most is None or round(fraction * rows) <= most:
            return fraction
        self.notes.append(
            message(
                "{rows:,} rows, not {share:.0%}, are held out for {split}: data.held_out_rows= says how many",
                rows=most,
                share=fraction,
                split=name,
            )
        )
        return float(most / rows)

    def _limit_training(self, train: Table) -> Table:
        """At most `data.limit_rows` training rows, with a note."""
        kept = at_most(train, self.data.limit_rows, self.roles, self.seed + 2)
        if kept is not train:
            self.notes.append(
                message(
                    "training on {rows:,} of {available:,} training rows; data.limit_rows=null takes all",
                    rows=len(kept),
                    available=len(train),
                )
            )
        return kept

    def _limit_test(self, test: Table) -> Table:
        """At most `data.test_rows` test rows, with a note."""
        most = self.data.test_rows
        if most is None or len(test) <= most:
            return test
        self.notes.append(
            message(
                "{rows:,} of {available:,} test rows are judged; data.test_rows=null takes all",
                rows=most,
                available=len(test),
            )
        )
        return test.sample(most, self.seed + 3)

    def _apart(
        self, train: Table, validation: Table | None, test: Table | None
    ) -> tuple[Table, Table | None, Table | None, np.ndarray]:
        """Train, validation and test, each without rows that a later one of them repeats, and the groups of the training rows.

        Every row of a test table stays, duplicates within it too. The groups are (training rows,) int64; rows of a group stay
        in one split. Raises InputError where no training row is left.
        """
        held_out = [table for table in (test, validation) if table is not None]
        rule = DuplicateRule.of([*held_out, train], self.roles, self.data.duplicates.name == "keep", self.task.prefix)
        self.notes += rule.notes
        seen = set(rule.forms(test)) if test is not None else set()
        for i in range(0 if test is None else 1, len(held_out)):
            held_out[i], seen, notes = without_duplicates(held_out[i], rule, seen)
            self.notes += notes
        train, _, notes = without_duplicates(train, rule, seen)
        self.notes += notes
        tables, notes = without_shared_groups([*held_out, train], self.group)
        self.notes += notes
        disjoint = without_near_duplicates(tables, rule)
        self.notes += disjoint.notes
        train = disjoint.tables[-1]
        if not len(train):
            raise InputError(
                f"{train.source}: every row stands in the validation or test file too; nothing is left to train on"
            )
        if validation is not None:
            validation = disjoint.tables[-2]
        if len(train.groups):
            count = len(set(train.groups) - {""})
            self.notes.append(
                message(
                    "the rows of each of the {count:,} values of {column!r} stay in one split", count=count, column=self.group
                )
            )
        return train, validation, test, with_groups(disjoint.groups, train)

    def _split_off(
        self, table: Table, share: float, offset: int, groups: np.ndarray, name: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """(rest, part) of `split_off`, with a note where the part came out far too large. offset: added to the seed.

        share, groups: see `split_off`. name: of the split, for the note.
        """
        rest, part = split_off(table, share, self.roles, self.seed + offset, groups)
        if len(part) > TOO_MANY * share * len(table) + 1 and len(table.groups):
            self.notes.append(
                message(
                    "{rows:,} rows, {held:.0%} in place of {share:.0%}, are held out for {split}: "
                    "no smaller groups of {column!r} make up a split",
                    rows=len(part),
                    held=len(part) / len(table),
                    share=share,
                    split=name,
                    column=self.group,
                )
            )
        return rest, part
