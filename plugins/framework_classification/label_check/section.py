"""The section on training rows whose label is probably wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Budget, CsvFile, FitContext, Message, Section, Table, Text, joined, message, messages
from framework_classification import Classification
from framework_classification.data import ClassificationData
from framework_classification.label_check.confident_learning import suspicious_rows
from framework_classification.label_check.effect import effect_of_leaving_out
from framework_classification.label_check.out_of_fold import FOLDS, FixedFeatures, OutOfFold, out_of_fold

FILE = "suspicious.csv"
HEADER = ("file", "line", "text", "label", "likelier", "probability", "probability_of_label")
SHOWN = 50  # rows in the section; the file has all
TITLE = message("Labels worth a second look")
SHARE = 0.35  # of the time that is left of the fit; what is not used goes to later fits


def label_section(
    data: ClassificationData, train: Table, features: FixedFeatures, context: FitContext[Classification, Any]
) -> Section:
    """The rows of `train` that confident learning finds, how many there are, and what leaving them out would change.

    train: the training rows that `features` are of.
    """
    budget: Budget = context.budget.share(SHARE)
    targets = np.asarray(data.targets(train))
    judged = out_of_fold(features, targets, context.seed, budget)
    if judged is None:
        return Section(TITLE, note=_not_looked_at(features, budget))
    suspicious = suspicious_rows(judged.targets, judged.probabilities)
    notes: list[str] = [_count(len(suspicious), len(judged.rows), len(data.splits.train))]
    if len(suspicious):
        if budget.remaining() >= judged.seconds:
            truth, left_out = np.asarray(data.targets(data.splits.validation)), judged.rows[suspicious]
            effect = effect_of_leaving_out(features, targets, left_out, truth, context.metric, context.seed)
            notes += [effect.sentence()] if effect is not None else []
        notes.append(_what_to_do())
    rows = _rows(data, train, judged, suspicious)
    header = messages("text", "label", "likelier", "probability", "file", "line")
    shown = [(text, label, other, sure, Path(str(file)).name, line) for file, line, text, label, other, sure, _ in rows[:SHOWN]]
    return Section(TITLE, header, shown, joined(notes), file=CsvFile(FILE, HEADER, rows))


def _rows(data: ClassificationData, train: Table, judged: OutOfFold, suspicious: np.ndarray) -> list[Sequence[object]]:
    """The rows of the file, with the columns `HEADER`. suspicious: positions in `judged`, in the order of the rows."""
    texts, labels = train.texts("text"), train.texts("label")
    rows: list[Sequence[object]] = []
    for i in suspicious:
        row, probabilities = int(judged.rows[i]), judged.probabilities[i]
        likelier = data.labels[judged.classes[probabilities.argmax()]]
        sure, unsure = f"{probabilities.max():.2f}", f"{probabilities[judged.targets[i]]:.2f}"
        rows.append((train.file(row), train.lines[row], Text(texts[row]), labels[row], likelier, sure, unsure))
    return rows


def _count(suspicious: int, judged: int, rows: int) -> Message:
    return message(
        "{suspicious:,} of {judged:,} training rows: models that had not seen a row find another label likelier than its own "
        "(confident learning over {folds} folds; {rows:,} training rows in all).",
        suspicious=suspicious,
        judged=judged,
        folds=FOLDS,
        rows=rows,
    )


def _what_to_do() -> Message:
    return message(
        "Nothing was left out. {file} in the folder of the run lists all of them: remove the lines whose labels are right, and "
        "data.exclude=FILE leaves the others out of training; or correct the labels.",
        file=FILE,
    )


def _not_looked_at(features: FixedFeatures, budget: Budget) -> Message:
    if budget.remaining() < 2 * features.seconds:
        return message(
            "Not looked for: that takes about {needed:.0f} s, and {remaining:.0f} s are left for it; write a longer budget=",
            needed=(FOLDS + 1) * features.seconds,
            remaining=budget.remaining(),
        )
    return message("Not looked for: fewer than two labels have {rows} training rows.", rows=FOLDS)
