"""Evaluates a classifier: accuracy, macro-F1, per-class table, confusion matrix, calibration and mistakes. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from framework import (
    Answers,
    Bars,
    Evaluation,
    InputError,
    Lines,
    Section,
    Series,
    Table,
    Text,
    labels_in,
    message,
    messages,
    nearest,
)
from framework_classification.codec import LabelCodec, tempered
from framework_classification.familiarity.metrics import familiarity_metrics, familiarity_section, rows_of_classes
from framework_classification.metrics import accuracy, calibration_error, confusion_matrix, macro_f1, negative_log_likelihood

MISTAKES = 10
MATRIX = 12  # classes above which the confusion matrix becomes a list of the most frequent confusions
BINS = 10  # of the reliability diagram
UNKNOWN = 5  # rows with unknown labels named in an error


def evaluate(answers: Answers, table: Table) -> Evaluation:
    """Metrics and sections of a classifier's answers; with a calibrated codec also the error before calibration (`ece_before`).

    Rows that belong to no class count for familiarity alone. Raises InputError naming the rows with labels that the model does
    not know, and without any row of a class.
    """
    belongs = rows_of_classes(answers, table)
    if not belongs.any():
        raise InputError(f"{table.source}: no row belongs to a class that the model could be judged by")
    if belongs.all():
        return _with_familiarity(_evaluate(answers, table), answers, belongs)
    rows = np.flatnonzero(belongs)
    known = _evaluate(replace(answers, responses=[answers.responses[int(row)] for row in rows]), table.take(rows))
    sections = [replace(section, about=[int(rows[row]) for row in section.about]) for section in known.sections]
    return _with_familiarity(replace(known, sections=sections), answers, belongs)


def _with_familiarity(evaluation: Evaluation, answers: Answers, belongs: np.ndarray) -> Evaluation:
    """The evaluation with the metrics and the section of familiarity, if the model tells it."""
    metrics = familiarity_metrics(answers, belongs)
    if not metrics:
        return evaluation
    sections = [*evaluation.sections, familiarity_section(answers, belongs, metrics)]
    return replace(evaluation, metrics={**evaluation.metrics, **metrics}, sections=sections)


def _evaluate(answers: Answers, table: Table) -> Evaluation:
    """The evaluation of answers to rows that all belong to classes."""
    responses = answers.responses
    labels = list(responses[0]["probabilities"])
    check_known(table, labels)
    index = {label: i for i, label in enumerate(labels)}
    probabilities = np.array([[r["probabilities"][label] for label in labels] for r in responses])
    targets = np.array([index[label] for label in table.texts("label")])
    predicted = probabilities.argmax(-1)
    confusion = confusion_matrix(predicted, targets, len(labels))
    metrics = {
        "accuracy": accuracy(predicted, targets),
        "macro_f1": macro_f1(confusion),
        "ece": calibration_error(probabilities, targets),
        "nll": negative_log_likelihood(probabilities, targets),
    }
    scale = answers.codec.scale if isinstance(answers.codec, LabelCodec) else None
    curves: dict[str, np.ndarray] = {message("calibrated") if scale else message("model"): probabilities}
    if scale:
        uncalibrated = tempered(probabilities, 1 / scale)
        curves[message("before calibration")] = uncalibrated
        metrics["ece_before"] = calibration_error(uncalibrated, targets)
    if "abstains" in responses[0]:
        answered = np.array([not response["abstains"] for response in responses])
        metrics["answered"] = float(answered.mean())
        metrics["precision_answered"] = accuracy(predicted[answered], targets[answered]) if answered.any() else 1.0
    sections = [
        per_label(labels, confusion.diagonal(), confusion.sum(1), confusion.sum(0)),
        _confusion(labels, confusion),
        reliability({name: (scores.max(1), scores.argmax(1) == targets) for name, scores in curves.items()}),
        _mistakes(labels, probabilities, targets, table),
    ]
    return Evaluation(
        metrics, sections, untested=[label for label, rows in zip(labels, confusion.sum(1), strict=True) if not rows]
    )


def check_known(table: Table, labels: Sequence[str]) -> None:
    """Raises InputError naming the rows with labels that the model does not know. labels: those of the model."""
    known = set(labels)
    cells = enumerate(table.columns["label"])
    unknown = {row: other for row, cell in cells if (other := [one for one in labels_in(cell) if one not in known])}
    if unknown:
        shown = list(unknown.items())[:UNKNOWN]
        rows = [f"{table.where(row)}: the model does not know the label {other[0]!r}" for row, other in shown]
        more = f"{len(unknown):,} of {len(table):,} rows in all; " if len(unknown) > UNKNOWN else ""
        raise InputError(*rows, f"{more}{nearest(shown[0][1][0], labels, 'it knows')}")


def per_label(labels: Sequence[str], hits: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> Section:
    """Precision, recall and F1 of each label, the weakest first.

    hits, true, predicted: (labels,) rows answered rightly with the label, rows that have it, rows answered with it.
    """
    precision, recall = hits / np.maximum(predicted, 1), hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(true + predicted, 1)
    order = [i for i in np.argsort(f1, kind="stable") if true[i]]
    rows = [(labels[i], *(f"{v[i]:.3f}" for v in (precision, recall, f1)), int(true[i])) for i in order]
    rows += [(label, "", "", "", 0) for label, count in zip(labels, true, strict=True) if not count]
    chart = Bars(
        message("F1 of each class"), [labels[i] for i in order], [Series("F1", [round(float(f1[i]), 4) for i in order])]
    )
    header = messages("label", "precision", "recall", "F1", "test rows")
    return Section(message("Per class, the weakest first"), header, rows, charts=(chart,))


def _confusion(labels: Sequence[str], confusion: np.ndarray) -> Section:
    if len(labels) <= MATRIX:
        rows = [(message("is {label}", label=label), *map(int, confusion[i])) for i, label in enumerate(labels)]
        header = ("", *(message("called {label}", label=label) for label in labels))
        return Section(message("Confusion matrix"), header, rows, heat=True)
    wrong = confusion - np.diag(confusion.diagonal())
    pairs = np.dstack(np.unravel_index(np.argsort(-wrong, axis=None, kind="stable")[:20], wrong.shape))[0]
    rows = [(labels[i], labels[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
    return Section(message("Most frequent confusions"), messages("is", "called", "test rows"), rows)


def reliability(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Section:
    """The reliability diagram: accuracy over confidence, in bins of equal width (Niculescu-Mizil and Caruana 2005).

    curves: name -> the probabilities of answers, (answers,), and which are right, (answers,) bool.
    """
    bins = {name: _bins(*curve) for name, curve in curves.items()}
    series = [Series(name, [round(b[2], 4) for b in curve], [round(b[1], 4) for b in curve]) for name, curve in bins.items()]
    rows = [
        (name, f"{confidence:.3f}", f"{right:.3f}", f"{count:,}")
        for name, curve in bins.items()
        for count, confidence, right in curve
    ]
    note = message(
        "Of the answers given with a probability of 0.8, 80 % should be right; points below the diagonal are too confident."
    )
    x, y = messages("probability of the answer", "share that is right")
    chart = Lines(message("Reliability"), x, y, series, diagonal=True)
    header = ("", *messages("mean probability", "share right", "test rows"))
    return Section(message("Calibration"), header, rows, note, charts=(chart,))


def _bins(confidence: np.ndarray, right: np.ndarray) -> list[tuple[int, float, float]]:
    """(rows, mean confidence, share right) of each bin that holds a row."""
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    members = [which == i for i in range(BINS)]
    return [(int(m.sum()), float(confidence[m].mean()), float(right[m].mean())) for m in members if m.any()]


def _mistakes(labels: Sequence[str], probabilities: np.ndarray, targets: np.ndarray, table: Table) -> Section:
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != targets)
    worst = [int(i) for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]]
    rows = [
        (
            Text(table.texts("text")[i]),
            table.texts("label")[i],
            labels[predicted[i]],
            f"{confidence[i]:.2f}",
            table.lines[i],
        )
        for i in worst
    ]
    note = message(
        "{wrong:,} of {rows:,} test rows are answered wrongly; lines are those of {file}",
        wrong=len(wrong),
        rows=len(table),
        file=table.name,
    )
    header = messages("text", "is", "called", "probability", "line")
    return Section(message("Most confident mistakes"), header, rows, note if rows else message("none"), about=worst)
