"""Evaluates answers with several labels: F1, exact rows, per-label table, calibration and mistakes. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework import Answers, Evaluation, Section, Table, Text, message, messages
from framework_classification.evaluation import MISTAKES, check_known, per_label, reliability
from framework_classification.multilabel.codec import LabelSetCodec
from framework_classification.multilabel.data import answered, indicator
from framework_classification.multilabel.metrics import Counts, calibration_error, cross_entropy, subset_accuracy


def evaluate(answers: Answers, table: Table) -> Evaluation:
    """Metrics and sections; with a calibrated codec also the error before calibration (`ece_before`).

    Raises InputError naming the rows with labels that the model does not know.
    """
    labels, probabilities, predicted = answered(answers)
    check_known(table, labels)
    targets = indicator(table, labels)
    counts = Counts.of(predicted, targets)
    metrics = {
        "micro_f1": counts.micro_f1(),
        "macro_f1": counts.macro_f1(),
        "subset_accuracy": subset_accuracy(predicted, targets),
        "ece": calibration_error(probabilities, targets),
        "nll": float(cross_entropy(probabilities, targets).mean()),
    }
    platt = answers.codec.calibrated if isinstance(answers.codec, LabelSetCodec) else None
    curves: dict[str, np.ndarray] = {message("calibrated") if platt else message("model"): probabilities}
    if platt is not None:
        before = platt.undone(probabilities)
        curves[message("before calibration")] = before
        metrics["ece_before"] = calibration_error(before, targets)
    sections = [
        per_label(labels, counts.hits, counts.true, counts.predicted),
        _labels_a_row(predicted, targets),
        reliability({name: _decisions(scores, targets) for name, scores in curves.items()}),
        _mistakes(labels, probabilities, predicted, table),
    ]
    return Evaluation(metrics, sections, untested=[label for label, rows in zip(labels, counts.true, strict=True) if not rows])


def _decisions(probabilities: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every label of every row how sure the likelier of yes and no is, and whether it is right, (rows x labels,) both."""
    likely = probabilities >= 0.5
    return np.where(likely, probabilities, 1 - probabilities).ravel(), (likely == targets).ravel()


def _labels_a_row(predicted: np.ndarray, targets: np.ndarray) -> Section:
    true, called = targets.sum(1), predicted.sum(1)
    exact = (predicted == targets).all(1)
    rows = [
        (count, f"{(true == count).sum():,}", f"{(called == count).sum():,}", f"{exact[true == count].sum():,}")
        for count in range(int(max(true.max(initial=0), called.max(initial=0))) + 1)
    ]
    header = messages("labels of a row", "test rows that have so many", "answers with so many", "answered with exactly theirs")
    return Section(message("How many labels"), header, rows)


def _mistakes(labels: Sequence[str], probabilities: np.ndarray, predicted: np.ndarray, table: Table) -> Section:
    """The rows with the surest wrong label: an absent one that is likely, or a label of theirs that is not."""
    targets = indicator(table, labels)
    wrong = predicted != targets
    errors = np.where(wrong, np.where(targets, 1 - probabilities, probabilities), 0.0)
    order = [int(i) for i in np.argsort(-errors.max(1), kind="stable") if wrong[i].any()]
    worst = order[:MISTAKES]
    rows = [
        (
            Text(table.texts("text")[row]),
            _names(labels, targets[row] & ~predicted[row]),
            _names(labels, predicted[row] & ~targets[row]),
            _names(labels, predicted[row] & targets[row]),
            table.lines[row],
        )
        for row in worst
    ]
    note = message(
        "{wrong:,} of {rows:,} test rows are answered wrongly; lines are those of {file}",
        wrong=len(order),
        rows=len(table),
        file=table.name,
    )
    header = messages("text", "missing", "too many", "right", "line")
    return Section(message("Most confident mistakes"), header, rows, note if rows else message("none"), about=worst)


def _names(labels: Sequence[str], which: np.ndarray) -> str:
    return ", ".join(labels[i] for i in np.flatnonzero(which).tolist())
