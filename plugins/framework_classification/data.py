"""Checks the splits for classification and finds the labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framework import Bars, InputError, Section, Series, Splits, Table, joined, message
from framework_classification import Classification
from framework_text.lengths import lengths_section

SHOWN = 12  # labels listed one by one
FEW = 5  # training rows below which a label is hardly learned


@dataclass(frozen=True)
class ClassificationData:
    """labels: every class, in the order of the model's outputs."""

    splits: Splits
    labels: list[str]

    def targets(self, table: Table) -> list[int]:
        index = {label: i for i, label in enumerate(self.labels)}
        return [index[value] for value in table.texts("label")]

    def some(self, rows: int, seed: int) -> Table:
        """At most so many training rows, at random, the first of every label among them."""
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
        counts = {name: Counter(table.texts("label")) for name, table in self.splits.named().items()}
        order = sorted(self.labels, key=lambda label: -counts["train"][label])
        rows = [(label, *(f"{counts[name][label]:,}" for name in counts)) for label in order[:SHOWN]]
        left = len(order) - SHOWN
        notes: list[str] = []
        if left > 0:
            fewest = counts["train"][order[-1]]
            notes.append(message("and {count} more labels, the rarest with {rows} training rows", count=left, rows=fewest))
        rare = [label for label in order if counts["train"][label] < FEW]
        if rare:
            notes.append(_note_on_rare(rare))
        charts = (self._chart(counts, order),)
        title = message("Labels ({count})", count=len(order))
        labels = Section(title, (message("label"), *counts), rows, joined(notes), charts=charts)
        return [labels, lengths_section(self.splits, "text")]

    def _chart(self, counts: Mapping[str, Counter[str]], order: Sequence[str]) -> Bars:
        """Each label's share of each split."""
        sizes = {name: len(table) for name, table in self.splits.named().items() if len(table)}
        series = [Series(name, [round(100 * counts[name][label] / size, 2) for label in order]) for name, size in sizes.items()]
        return Bars(message("Share of each label"), order, series, " %")


def _note_on_rare(labels: Sequence[str]) -> str:
    named = ", ".join(labels[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
    if len(labels) == 1:
        return message(
            "1 label has fewer than {few} training rows: {label}; the model can hardly learn it", few=FEW, label=named
        )
    return message(
        "{count:,} labels have fewer than {few} training rows: {labels}; the model can hardly learn them",
        count=len(labels),
        few=FEW,
        labels=named,
    )


def prepare(splits: Splits, options: Classification) -> ClassificationData:
    """Raises InputError for one class only, labels outside `options.labels`, and test labels that training never saw."""
    seen = Counter(splits.train.texts("label"))
    labels = list(options.labels) if options.labels else _ordered(seen)
    if len(seen) < 2:
        only = next(iter(seen), "none")
        raise InputError(f"{splits.train.source}: every row has the label {only!r}; a classifier needs at least two labels")
    problems = []
    for name, table in splits.named().items():
        known = set(labels) if options.labels or name == "train" else set(seen) | set(labels)
        strange = {value: i for i, value in reversed(list(enumerate(table.texts("label")))) if value not in known}
        for value, row in list(strange.items())[:5]:
            why = "is not in task.labels" if options.labels else "does not occur in the training rows"
            problems.append(f"{table.where(row)}: the label {value!r} of a {name} row {why}")
    if problems:
        raise InputError(*problems)
    return ClassificationData(splits, labels)


def _ordered(labels: dict[str, int]) -> list[str]:
    """Whole numbers by value, other labels by spelling."""
    if all(re.fullmatch(r"-?[0-9]{1,18}", label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
