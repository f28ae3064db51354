"""Accuracy, macro-F1, per-class table, confusion matrix, calibration and mistakes, through torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from framework import Evaluation, InputError, Response, Section, Table, nearest
from framework_classification.calibration import uncalibrated

BINS = 15
MISTAKES = 10
MATRIX = 12  # classes above which the confusion matrix becomes a list of the most frequent confusions
STRANGE = 5  # rows with unknown labels named
TEXT = 160  # characters of a mistake shown


def evaluate(responses: Sequence[Response], table: Table, facts: Mapping[str, Any]) -> Evaluation:
    """facts["temperature"], where there is one, gives the calibration error before scaling.

    Raises InputError naming the rows with labels that the model does not know.
    """
    labels = list(responses[0]["probabilities"])
    index = {label: i for i, label in enumerate(labels)}
    strange = [i for i, label in enumerate(table.columns["label"]) if label not in index]
    if strange:
        rows = [f"{table.where(i)}: the model does not know the label {table.columns['label'][i]!r}" for i in strange[:STRANGE]]
        more = f"{len(strange):,} of {len(table):,} rows in all; " if len(strange) > STRANGE else ""
        raise InputError(*rows, f"{more}{nearest(table.columns['label'][strange[0]], labels, 'it knows')}")
    probabilities = np.array([[r["probabilities"][label] for label in labels] for r in responses])
    scores = torch.from_numpy(probabilities)
    targets = torch.tensor([index[label] for label in table.columns["label"]])
    predicted = scores.argmax(-1)
    classes = max(len(labels), 2)
    metrics = {
        "accuracy": float(multiclass_accuracy(predicted, targets, classes, average="micro")),
        "macro_f1": float(multiclass_f1_score(predicted, targets, classes, average="macro")),
        "ece": _ece(scores, targets),
    }
    if "temperature" in facts:
        metrics["ece_before"] = _ece(torch.from_numpy(uncalibrated(probabilities, facts["temperature"])), targets)
    confusion = multiclass_confusion_matrix(predicted, targets, classes).numpy()
    sections = [_per_class(labels, confusion), _confusion(labels, confusion), _mistakes(labels, probabilities, targets, table)]
    return Evaluation(metrics, sections)


def _ece(scores: torch.Tensor, targets: torch.Tensor) -> float:
    """Expected calibration error, the L1 norm over equal-width bins of confidence."""
    return float(multiclass_calibration_error(scores, targets, scores.shape[1], n_bins=BINS, norm="l1"))


def _per_class(labels: Sequence[str], confusion: np.ndarray) -> Section:
    hits, true, called = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision, recall = hits / np.maximum(called, 1), hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(true + called, 1)
    order = np.argsort(f1, kind="stable")
    rows = [(labels[i], *(f"{v[i]:.3f}" for v in (precision, recall, f1)), int(true[i])) for i in order]
    return Section("Per class, the weakest first", ("label", "precision", "recall", "F1", "test rows"), rows)


def _confusion(labels: Sequence[str], confusion: np.ndarray) -> Section:
    if len(labels) <= MATRIX:
        rows = [(f"is {label}", *map(int, confusion[i])) for i, label in enumerate(labels)]
        return Section("Confusion matrix", ("", *(f"called {label}" for label in labels)), rows)
    wrong = confusion - np.diag(confusion.diagonal())
    pairs = np.dstack(np.unravel_index(np.argsort(-wrong, axis=None, kind="stable")[:20], wrong.shape))[0]
    found = [(labels[i], labels[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
    return Section("Most frequent confusions", ("is", "called", "test rows"), found)


def _mistakes(labels: Sequence[str], probabilities: np.ndarray, targets: torch.Tensor, table: Table) -> Section:
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != targets.numpy())
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    rows = [
        (table.columns["text"][i][:TEXT], table.columns["label"][i], labels[predicted[i]], f"{confidence[i]:.2f}")
        for i in worst
    ]
    return Section("Most confident mistakes", ("text", "is", "called", "probability"), rows, "" if rows else "none")
