"""The splits as classifiers with any number of labels a text see them, and answers as arrays. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framework import Answers, InputError, Section, Splits, Table, message
from framework_classification import Multilabel
from framework_classification.data import LabelledTexts, every_label

MOST = 4  # labels a row, from which rows are counted together


@dataclass(frozen=True)
class LabelSetData(LabelledTexts):
    """Splits and labels of a task with any number of labels a text."""

    def targets(self, table: Table) -> np.ndarray:
        """(rows, labels) bool: whether the row has the label."""
        return indicator(table, self.labels)

    def sections(self) -> list[Section]:
        """Sections on how often each label occurs, on how many a row has, and on the lengths of the texts."""
        labels, *others = super().sections()
        return [labels, self._labels_a_row(), *others]

    def _labels_a_row(self) -> Section:
        counts = {name: [min(len(cell), MOST) for cell in table.lists("label")] for name, table in self.splits.named().items()}
        rows = [
            (
                message("{count} or more", count=MOST) if count == MOST else str(count),
                *(f"{c.count(count):,}" for c in counts.values()),
            )
            for count in range(MOST + 1)
        ]
        return Section(message("Labels a row"), (message("labels"), *counts), rows)


def prepare(splits: Splits, options: Multilabel) -> LabelSetData:
    """The splits as classifiers see them.

    Raises InputError where no label tells training rows apart, for labels that are not in `options.labels`, and without that
    option for validation and test labels that no training row has.
    """
    labels = every_label(splits, options.labels)
    data = LabelSetData(splits, labels)
    counts, rows = data.counts(splits.train), len(splits.train)
    if not any(0 < count < rows for count in counts.values()):
        every = ", ".join(map(repr, counts)) or "none"
        raise InputError(f"{splits.train.source}: every row has the same labels, {every}; there is nothing to tell apart")
    return data


def indicator(table: Table, labels: Sequence[str]) -> np.ndarray:
    """(rows, labels) bool: whether the row has the label, which is one of these."""
    index = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(table), len(labels)), bool)
    for row, cell in enumerate(table.lists("label")):
        targets[row, [index[label] for label in cell]] = True
    return targets


def answered(answers: Answers) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The labels of the model, and of its answers the probabilities and which labels they hold, both (rows, labels)."""
    labels = list(answers.responses[0]["probabilities"])
    index = {label: i for i, label in enumerate(labels)}
    probabilities = np.array([list(response["probabilities"].values()) for response in answers.responses])
    predicted = np.zeros(probabilities.shape, bool)
    for row, response in enumerate(answers.responses):
        predicted[row, [index[label] for label in response["labels"]]] = True
    return labels, probabilities, predicted
