"""The splits as classifiers see them: texts with class numbers, and the list of labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from framework import Bars, InputError, Json, Section, Series, Splits, Table, joined, message
from framework_classification import Classification
from framework_classification.familiarity.out_of_scope import out_of_scope_label, without_label
from framework_text.lengths import lengths_section

SHOWN = 12  # labels listed one by one
BESIDE = message(
    "beside them {label}, no class: {train:,} training, {validation:,} validation and {test:,} test rows that belong to none"
)
FEW = 5  # training rows below which a label can hardly be learned


@dataclass(frozen=True)
class ClassificationData:
    """Splits and labels of a classification task."""

    splits: Splits
    """Without rows that belong to no class."""
    labels: list[str]
    """Every class, in the order of the model's outputs."""
    out_of_scope: str | None = None
    """The label of rows that belong to no class; None: there is none."""
    unknown: Mapping[str, Table] = field(default_factory=dict)
    """The rows with this label, by split; empty without such a label."""

    def settings(self) -> dict[str, Json]:
        """The settings of every codec of the task: its labels."""
        named = {"out_of_scope": self.out_of_scope} if self.out_of_scope is not None else {}
        return {"labels": self.labels, **named}

    def targets(self, table: Table) -> list[int]:
        """The class number of each row: the position of its label in `labels`."""
        index = {label: i for i, label in enumerate(self.labels)}
        return [index[value] for value in table.texts("label")]

    def unknown_texts(self) -> list[str]:
        """The training and validation texts that belong to no class."""
        return [text for name in ("train", "validation") if name in self.unknown for text in self.unknown[name].texts("text")]

    def sample(self, rows: int, seed: int) -> Table:
        """About `rows` training rows at random, in their order, at least one of every label among them."""
        train = self.splits.train
        if rows >= len(train):
            return train
        order = np.random.default_rng(seed).permutation(len(train))
        firsts = np.unique(np.asarray(self.targets(train))[order], return_index=True)[1]
        ranked = np.concatenate([order[firsts], np.delete(order, firsts)])
        return train.take(np.sort(ranked[: max(rows, len(firsts))]))

    def class_weights(self) -> list[float]:
        """Rows / (classes x rows of the class), so that every class weighs the same in the loss."""
        counts = np.bincount(self.targets(self.splits.train), minlength=len(self.labels))
        return list(counts.sum() / (len(self.labels) * np.maximum(counts, 1)))

    def sections(self) -> list[Section]:
        """Sections on how often each label occurs in each split, and on the lengths of the texts."""
        counts = {name: Counter(table.texts("label")) for name, table in self.splits.named().items()}
        order = sorted(self.labels, key=lambda label: -counts["train"][label])
        rows = [(label, *(f"{counts[name][label]:,}" for name in counts)) for label in order[:SHOWN]]
        more = len(order) - SHOWN
        notes: list[str] = []
        if more > 0:
            fewest = counts["train"][order[-1]]
            notes.append(message("and {count} more labels, the rarest with {rows} training rows", count=more, rows=fewest))
        rare = [label for label in order if counts["train"][label] < FEW]
        if rare:
            notes.append(_note_on_rare(rare))
        if self.out_of_scope is not None:
            belong = {name: len(table) for name, table in self.unknown.items()}
            notes.append(BESIDE.filled(label=self.out_of_scope, **belong))
        charts = (self._chart(counts, order),)
        title = message("Labels ({count})", count=len(order))
        labels = Section(title, (message("label"), *counts), rows, joined(notes), charts=charts)
        return [labels, lengths_section(self.splits, "text")]

    def _chart(self, counts: Mapping[str, Counter[str]], order: Sequence[str]) -> Bars:
        """The share of each label in each split, in percent."""
        sizes = {name: len(table) for name, table in self.splits.named().items() if len(table)}
        series = [Series(name, [round(100 * counts[name][label] / size, 2) for label in order]) for name, size in sizes.items()]
        return Bars(message("Share of each label"), order, series, " %")


def _note_on_rare(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
    if len(labels) == 1:
        return message(
            "1 label has fewer than {few} training rows: {label}; the model can hardly learn it", few=FEW, label=shown
        )
    return message(
        "{count:,} labels have fewer than {few} training rows: {labels}; the model can hardly learn them",
        count=len(labels),
        few=FEW,
        labels=shown,
    )


def prepare(splits: Splits, options: Classification) -> ClassificationData:
    """The splits as classifiers see them.

    Raises InputError for a single class, for labels that are not in `options.labels`, without that option for validation and
    test labels that no training row has, and for an `options.out_of_scope` that no row has.
    """
    label = out_of_scope_label(splits, options.out_of_scope)
    classless: Mapping[str, Table] = {}
    if label is not None:
        splits, classless = without_label(splits, label)
    seen = Counter(splits.train.texts("label"))
    labels = list(options.labels) if options.labels else _ordered(seen)
    if len(seen) < 2:
        only = next(iter(seen), "none")
        raise InputError(f"{splits.train.source}: every row has the label {only!r}; a classifier needs at least two labels")
    problems, allowed = [], set(labels)
    for name, table in splits.named().items():
        unknown = {value: row for row, value in reversed(list(enumerate(table.texts("label")))) if value not in allowed}
        for value, row in list(unknown.items())[:5]:
            why = "is not in task.labels" if options.labels else "does not occur in the training rows"
            problems.append(f"{table.where(row)}: the label {value!r} of a {name} row {why}")
    if problems:
        raise InputError(*problems)
    return ClassificationData(splits, labels, label, classless)


def _ordered(labels: dict[str, int]) -> list[str]:
    """The labels sorted: by value where all are whole numbers, otherwise by spelling."""
    if all(re.fullmatch(r"-?[0-9]{1,18}", label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
