"""Metrics of classifiers in numpy, because a linear model is also judged where torch is not installed.

They equal torchmetrics' multiclass functions of the same names, which tests check.
"""

from __future__ import annotations

import numpy as np

BINS = 15  # of equal width, over confidence
SMALLEST = 1e-30  # a probability of 0 would make the loss of all rows infinite


def accuracy(predicted: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose predicted class is the true one; both (rows,)."""
    return float((predicted == targets).mean())


def confusion_matrix(predicted: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64: the count of rows of class i that were predicted as j."""
    return np.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def macro_f1(confusion: np.ndarray) -> float:
    """The mean F1 of the classes of a `confusion_matrix`; classes that neither occur nor are predicted do not count."""
    support = confusion.sum(0) + confusion.sum(1)
    occurring = support > 0
    return float((2 * confusion.diagonal()[occurring] / support[occurring]).mean()) if occurring.any() else 0.0


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: the difference of confidence and accuracy in bins of equal width, averaged over rows.

    probabilities: (rows, classes). Naeini et al. 2015; Guo et al. 2017, equation 3.
    """
    confidence = probabilities.max(1).astype(np.float32)
    right = probabilities.argmax(1) == targets
    edges = np.linspace(0, 1, bins + 1, dtype=np.float32)
    bin_of = np.searchsorted(edges, confidence, side="right") - 1
    confidences = np.bincount(bin_of, weights=confidence, minlength=bins)
    rights = np.bincount(bin_of, weights=right, minlength=bins)
    return float(np.abs(confidences - rights).sum() / len(targets))


def negative_log_likelihood(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The mean of -log p of the true class, in nats. probabilities: (rows, classes)."""
    of_truth = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(of_truth, SMALLEST)).mean())
