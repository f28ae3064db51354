"""A multinomial logistic regression whose regularization is chosen on validation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from framework import Budget
from framework_classification.calibration import fit_temperature
from framework_classification.linear import coefficients
from framework_classification.metrics import negative_log_likelihood

ITERATIONS = 500  # at most; a few dozen are usual

Rows = tuple[np.ndarray, np.ndarray]  # features (rows, features), and the class number of each row


@dataclass(frozen=True)
class Tried:
    """A regression of one strength."""

    strength: float
    """Inverse of the regularization."""
    regression: LogisticRegression
    loss: float
    """The loss on validation with a temperature of its own."""


def best_strength(
    strengths: Sequence[float], train: Rows, validation: Rows, classes: int, budget: Budget | None = None
) -> Tried:
    """The strength with the least calibrated loss on validation, and its regression.

    strengths: inverses of the regularization, rising. Validation rows of classes without training rows do not count. classes:
    how many there are. budget: once a fit took longer than what remains, no further strength is tried; None: no limit.
    """
    (features, targets), (held_out, truth) = train, validation
    trained = np.isin(truth, targets)
    regression = LogisticRegression(max_iter=ITERATIONS, warm_start=True)  # each fit starts from the one before
    tried: list[Tried] = []
    budget = budget or Budget()
    for strength in strengths:
        before = budget.elapsed()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # further steps change no answer
            fitted = deepcopy(regression.set_params(C=strength).fit(features, targets))
        weight, bias = coefficients(fitted, classes)
        tried.append(Tried(strength, fitted, _loss(held_out[trained] @ weight.T + bias, truth[trained])))
        if budget.remaining() < budget.elapsed() - before:
            break
    return min(tried, key=lambda one: one.loss)


def _loss(logits: np.ndarray, targets: np.ndarray) -> float:
    return negative_log_likelihood(softmax(logits / fit_temperature(logits, targets), axis=-1), targets)
