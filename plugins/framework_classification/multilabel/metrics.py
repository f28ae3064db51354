"""Metrics of answers with several labels. No torch. They equal scikit-learn's functions, which tests check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework_classification.multilabel.platt import SMALLEST

BINS = 15  # of equal width, over probability


@dataclass(frozen=True)
class Counts:
    """Of each label (labels,) int64."""

    hits: np.ndarray
    """Rows that have the label and are answered with it."""
    true: np.ndarray
    """Rows that have it."""
    predicted: np.ndarray
    """Rows that are answered with it."""

    @classmethod
    def of(cls, predicted: np.ndarray, targets: np.ndarray) -> Counts:
        """From answers and targets, both (rows, labels) bool."""
        return cls((predicted & targets).sum(0), targets.sum(0), predicted.sum(0))

    @property
    def f1(self) -> np.ndarray:
        """(labels,); 0 for a label that neither occurs nor is answered."""
        f1: np.ndarray = 2 * self.hits / np.maximum(self.true + self.predicted, 1)
        return f1

    def micro_f1(self) -> float:
        """F1 of all labels together; 1 where nothing is to be answered, and nothing is."""
        support = int(self.true.sum() + self.predicted.sum())
        return float(2 * self.hits.sum() / support) if support else 1.0

    def macro_f1(self) -> float:
        """The mean F1 of the labels; those that neither occur nor are answered do not count."""
        occurring = self.true + self.predicted > 0
        return float(self.f1[occurring].mean()) if occurring.any() else 1.0


def subset_accuracy(predicted: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows that are answered with exactly their labels."""
    return float((predicted == targets).all(1).mean())


def cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(rows,) the mean over labels of the binary cross entropy, in nats."""
    right = np.where(targets, probabilities, 1 - probabilities)
    entropy: np.ndarray = -np.log(np.maximum(right, SMALLEST)).mean(1)
    return entropy


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """The mean over labels of the difference, in bins of equal width, of mean probability and share of rows with the label.

    Naeini et al. 2015, of each label for itself (Nixon et al. 2019, class-wise).
    """
    bin_of = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    cell = bin_of + bins * np.arange(probabilities.shape[1])
    size = bins * probabilities.shape[1]
    sums = [np.bincount(cell.ravel(), weights=values.ravel(), minlength=size) for values in (probabilities, targets)]
    return float(np.abs(sums[0] - sums[1]).sum() / targets.size)
