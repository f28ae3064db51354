"""The splits as classifiers see them: texts with the numbers of their labels, and the list of labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from framework import Bars, InputError, Json, Section, Series, Splits, Table, joined, labels_in, message
from framework_classification import Classification
from framework_classification.familiarity.out_of_scope import out_of_scope_label, without_label
from framework_text.lengths import lengths_section

SHOWN = 12  # labels listed one by one
BESIDE = message(
    "beside them {label}, no class: {train:,} training, {validation:,} validation and {test:,} test rows that belong to none"
)
FEW = 5  # training rows below which a label can hardly be learned


@dataclass(frozen=True)
class LabelledTexts:
    """Splits and labels of a task that classifies texts."""

    splits: Splits
    labels: list[str]
    """Every label, in the order of the model's outputs."""

    def settings(self) -> dict[str, Json]:
        """The settings of every codec of the task: its labels."""
        return {"labels": self.labels}

    def sample(self, rows: int, seed: int) -> Table:
        """About `rows` training rows at random, in their order, at least one of every label among them."""
        train = self.splits.train
        if rows >= len(train):
            return train
        order = np.random.default_rng(seed).permutation(len(train))
        firsts: dict[str, int] = {}
        cells = list(train.columns["label"])
        for place, row in enumerate(order):
            for label in labels_in(cells[row]):
                firsts.setdefault(label, place)
        chosen = sorted(set(firsts.values()))
        ranked = np.concatenate([order[chosen], np.delete(order, chosen)])
        return train.take(np.sort(ranked[: max(rows, len(chosen))]))

    def counts(self, table: Table) -> Counter[str]:
        """How many rows have each label."""
        return Counter(label for cell in table.columns["label"] for label in labels_in(cell))

    def sections(self) -> list[Section]:
        """Sections on how often each label occurs in each split, and on the lengths of the texts."""
        counts = {name: self.counts(table) for name, table in self.splits.named().items()}
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
        charts = (self._chart(counts, order),)
        title = message("Labels ({count})", count=len(order))
        labels = Section(title, (message("label"), *counts), rows, joined(notes), charts=charts)
        return [labels, lengths_section(self.splits, "text")]

    def _chart(self, counts: Mapping[str, Counter[str]], order: Sequence[str]) -> Bars:
        """The share of each label in each split, in percent."""
        sizes = {name: len(table) for name, table in self.splits.named().items() if len(table)}
        series = [Series(name, [round(100 * counts[name][label] / size, 2) for label in order]) for name, size in sizes.items()]
        return Bars(message("Share of each label"), order, series, " %")


@dataclass(frozen=True)
class ClassificationData(LabelledTexts):
    """Splits and labels of a task with one label a text; the splits are without rows that belong to no class."""

    out_of_scope: str | None = None
    """The label of rows that belong to no class; None: there is none."""
    unknown: Mapping[str, Table] = field(default_factory=dict)
    """The rows with this label, by split; empty without such a label."""

    def settings(self) -> dict[str, Json]:
        """The settings of every codec of the task: its labels, and the label of what belongs to no class."""
        named = {"out_of_scope": self.out_of_scope} if self.out_of_scope is not None else {}
        return {**super().settings(), **named}

    def targets(self, table: Table) -> list[int]:
        """The class number of each row: the position of its label in `labels`."""
        index = {label: i for i, label in enumerate(self.labels)}
        return [index[value] for value in table.texts("label")]

    def unknown_texts(self) -> list[str]:
        """The training and validation texts that belong to no class."""
        return [text for name in ("train", "validation") if name in self.unknown for text in self.unknown[name].texts("text")]

    def sections(self) -> list[Section]:
        """Sections on how often each label occurs in each split, and on the lengths of the texts."""
        labels, *others = super().sections()
        if self.out_of_scope is not None:
            rows = {name: len(table) for name, table in self.unknown.items()}
            beside = BESIDE.filled(label=self.out_of_scope, **rows)
            labels = replace(labels, note=joined([labels.note, beside]) if labels.note else beside)
        return [labels, *others]

    def class_weights(self) -> list[float]:
        """Rows / (classes x rows of the class), so that every class weighs the same in the loss."""
        counts = np.bincount(self.targets(self.splits.train), minlength=len(self.labels))
        return list(counts.sum() / (len(self.labels) * np.maximum(counts, 1)))


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
    seen = set(splits.train.texts("label"))
    if len(seen) < 2:
        only = next(iter(seen), "none")
        raise InputError(f"{splits.train.source}: every row has the label {only!r}; a classifier needs at least two labels")
    return ClassificationData(splits, every_label(splits, options.labels), label, classless)


def every_label(splits: Splits, stated: Sequence[str] | None) -> list[str]:
    """The labels in the order of the model's outputs: those that the recipe states, else those of the training rows.

    Raises InputError for rows with other labels.
    """
    labels = (
        list(stated) if stated else _ordered({label for cell in splits.train.columns["label"] for label in labels_in(cell)})
    )
    problems, allowed = [], set(labels)
    for name, table in splits.named().items():
        rows = [(label, row) for row, cell in enumerate(table.columns["label"]) for label in labels_in(cell)]
        unknown = {label: row for label, row in reversed(rows) if label not in allowed}
        for label, row in list(unknown.items())[:5]:
            why = "is not in task.labels" if stated else "does not occur in the training rows"
            problems.append(f"{table.where(row)}: the label {label!r} of a {name} row {why}")
    if problems:
        raise InputError(*problems)
    return labels


def _ordered(labels: Collection[str]) -> list[str]:
    """The labels sorted: by value where all are whole numbers, otherwise by spelling."""
    if all(re.fullmatch(r"-?[0-9]{1,18}", label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
