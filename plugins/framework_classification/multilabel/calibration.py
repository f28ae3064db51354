"""Calibrates the probability of each label (Platt 1999), and chooses the threshold from which a label is answered. No torch.

Both are fitted to validation rows. A label with few rows takes what all labels together say, because its own would be chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from framework import Response, Section, listed, message
from framework_classification.calibration import IMPOSSIBLE
from framework_classification.multilabel.platt import SMALLEST, Platt, logits_of

FEW = 10  # validation rows with a label, or without it, below which the label takes what is fitted to all labels
SCALES = (0.1, 4.0)  # of a logit; few rows must not push it further
HALF = 0.5  # the threshold where validation rows have no label at all


def enough(targets: np.ndarray) -> np.ndarray:
    """(labels,) bool: whether at least `FEW` of the rows (rows, labels) bool have the label, and as many do not."""
    positives = targets.sum(0)
    sufficient: np.ndarray = np.minimum(positives, len(targets) - positives) >= FEW
    return sufficient


def fit_platt(logits: np.ndarray, targets: np.ndarray) -> Platt:
    """Scale and shift of each label that minimise the cross entropy of its rows, with Platt's smoothed targets.

    logits, targets: (rows, labels). Labels with few rows keep their logits, scale 1 and shift 0.
    """
    scale, shift = np.ones(logits.shape[1]), np.zeros(logits.shape[1])
    for label in np.flatnonzero(enough(targets)):
        scale[label], shift[label] = _fit_one(logits[:, label], targets[:, label])
    return Platt(scale, shift)


def calibrated_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """The mean cross entropy of each row and label, after `fit_platt`. targets: (rows, labels), 0 or 1."""
    return _cross_entropy(fit_platt(logits, targets > 0).of_logits(logits), targets)


def _cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """The mean over logits. targets: of the same shape, from 0 to 1."""
    return float((np.logaddexp(0, logits) - targets * logits).mean())


def _fit_one(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    positives = int(targets.sum())
    smoothed = np.where(targets, (positives + 1) / (positives + 2), 1 / (len(targets) - positives + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = parameters[0] * logits + parameters[1]
        errors = expit(scaled) - smoothed
        return _cross_entropy(scaled, smoothed), np.array([(errors * logits).mean(), errors.mean()])

    optimum = minimize(loss, (1.0, 0.0), jac=True, method="L-BFGS-B", bounds=(SCALES, (None, None)))
    return float(optimum.x[0]), float(optimum.x[1])


def best_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The threshold with the highest F1 of these answers, both (n,); of equal ones the highest.

    `HALF` where no target is true.
    """
    if not targets.any():
        return HALF
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(targets[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + targets.sum())
    last = np.append(np.diff(ranked) != 0, True)  # equal probabilities stay on one side of the threshold
    best = int(np.argmax(np.where(last, f1, -1.0)))
    return max(SMALLEST, float(ranked[best] + (ranked[best + 1] if best + 1 < len(ranked) else 0.0)) / 2)


def thresholds_for(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The threshold of each label with its highest F1 on these rows (rows, labels).

    A label with few rows takes the one threshold that gives all answers together the highest F1, micro-F1.
    """
    shared = best_threshold(probabilities.ravel(), targets.ravel())
    own = enough(targets)
    columns = range(probabilities.shape[1])
    return np.array([best_threshold(probabilities[:, i], targets[:, i]) if own[i] else shared for i in columns])


@dataclass(frozen=True)
class Calibrated:
    """What validation rows say of a model's logits."""

    platt: Platt
    """For the graph."""
    settings: dict[str, Any]
    """Of the codec, beside the labels."""


def calibrated(labels: Sequence[str], logits: np.ndarray, targets: np.ndarray, show: Callable[[Section], None]) -> Calibrated:
    """Calibration and thresholds of each label from validation rows (rows, labels).

    show: takes a section that names the labels with too few rows.
    """
    platt = fit_platt(logits, targets)
    thresholds = thresholds_for(expit(platt.of_logits(logits)), targets)
    few = [label for label, own in zip(labels, enough(targets), strict=True) if not own]
    if few:
        note = message(
            "{count:,} of {all:,} labels have fewer than {few} validation rows with them, or without: their probabilities are "
            "not calibrated, and they share the threshold {threshold:.2f}, the best of all labels together: {labels}",
            count=len(few),
            all=len(labels),
            few=FEW,
            threshold=thresholds[labels.index(few[0])],
            labels=listed(few),
        )
        show(Section(message("Labels with few validation rows"), note=note))
    return Calibrated(platt, {"thresholds": thresholds.tolist(), "calibrated": platt.plain()})


def refit(responses: Sequence[Response], targets: np.ndarray, settings: Mapping[str, Any]) -> dict[str, object]:
    """Codec settings for a lossy file: calibration on top of the graph's, and thresholds.

    responses: of the file to validation rows. targets: (rows, labels) bool.
    """
    probabilities = np.array([[response["probabilities"][label] for label in settings["labels"]] for response in responses])
    platt = fit_platt(logits_of(probabilities), targets)
    thresholds = thresholds_for(platt.of_probabilities(probabilities), targets)
    return {"recalibrated": platt.plain(), "thresholds": thresholds.tolist()}


def constant_logits(targets: np.ndarray) -> np.ndarray:
    """(labels,) logits of labels that all training rows (rows, labels) have, or none: nothing can be learned of them."""
    return np.where(targets.all(0), -IMPOSSIBLE, IMPOSSIBLE)
