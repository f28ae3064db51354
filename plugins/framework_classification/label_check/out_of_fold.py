"""Probabilities of training rows by models that had not seen them: K-fold logistic regression over fixed features."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

from framework import Budget

FOLDS = 5
ROWS = 50_000  # training rows that are looked at, at most


@dataclass(frozen=True)
class FixedFeatures:
    """Features that do not depend on labels, and the classifier over them."""

    train: Any
    """(rows, features), dense or sparse, of the training rows."""
    validation: Any
    """(validation rows, features)."""
    classifier: Callable[[], Any]
    """Makes an unfitted scikit-learn classifier with probabilities."""
    predicted: np.ndarray
    """(validation rows,) class numbers that the classifier predicts when it is fitted to all training rows."""
    seconds: float
    """About the longest that one fit takes."""

    def fit(self, targets: np.ndarray, rows: np.ndarray) -> Any:
        """The classifier, fitted to some training rows. targets: class numbers of all. rows: which of them are used."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self.classifier().fit(self.train[rows], targets[rows])


def tfidf_features(
    pipeline: Any, train: Sequence[str], validation: Sequence[str], predicted: np.ndarray, seconds: float
) -> FixedFeatures:
    """Features by a fitted scikit-learn pipeline of TF-IDF and a classifier. predicted, seconds: see `FixedFeatures`."""
    classifier = partial(clone, pipeline[-1])
    return FixedFeatures(pipeline[0].transform(train), pipeline[0].transform(validation), classifier, predicted, seconds)


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of the rows that were looked at."""

    rows: np.ndarray
    """(looked at,) ascending positions among the training rows."""
    classes: np.ndarray
    """(classes,) ascending class numbers with enough rows."""
    targets: np.ndarray
    """(looked at,) positions in `classes`."""
    probabilities: np.ndarray
    """(looked at, classes)."""
    seconds: float
    """How long a fit took."""


def out_of_fold(features: FixedFeatures, targets: np.ndarray, seed: int, budget: Budget) -> OutOfFold | None:
    """Out-of-fold probabilities of the training rows, as many as the budget allows; None where it allows too few.

    Rows of a class with fewer than `FOLDS` rows are not looked at. targets: (rows,) class numbers.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(targets))[:ROWS])
    enough = np.flatnonzero(np.bincount(targets[rows]) >= FOLDS)
    rows = rows[np.isin(targets[rows], enough)]
    if len(enough) < 2:
        return None
    classes, numbered = np.unique(targets[rows], return_inverse=True)
    probabilities = np.full((len(rows), len(classes)), np.nan)
    seconds = features.seconds
    for rest, fold in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, numbered):
        if budget.remaining() < 2 * seconds:  # of this fit, and of the one without the suspicious rows
            break
        started = time.monotonic()
        classifier = features.fit(targets, rows[rest])
        probabilities[fold] = classifier.predict_proba(features.train[rows[fold]])
        seconds = time.monotonic() - started
    judged = ~np.isnan(probabilities[:, 0])
    if set(numbered[judged]) < set(numbered):
        return None
    return OutOfFold(rows[judged], classes, numbered[judged], probabilities[judged], seconds)
