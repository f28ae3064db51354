"""Logistic regression on a frozen encoder's features: fitted in seconds, and often nearly as accurate as fine-tuning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from framework import Graph, Section, message, messages
from framework_classification import Classification, fine_tuned
from framework_classification.calibration import calibrated, fit_temperature
from framework_classification.linear import coefficients
from framework_classification.metrics import negative_log_likelihood
from framework_text.features import FrozenClassifier, FrozenEncoder

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # inverse of the regularization; 0.03 is best from 5 to 130 rows a class
ITERATIONS = 500  # at most; a few dozen are usual
LEAST = 0.01  # smallest scale of a feature, of the mean deviation: some encoders have dead features, deviating by 1e-32

Rows = tuple[Sequence[str], Sequence[int]]  # texts, and the class number of each


@dataclass(frozen=True)
class FrozenFit:
    """A fitted classifier over a frozen encoder."""

    module: FrozenClassifier
    """The graph's module, in eval mode."""
    settings: dict[str, float]
    """Codec settings of abstention."""
    facts: dict[str, Any]
    """Temperature, number of features and of rows, and the inverse regularization strength C."""
    regression: LogisticRegression
    """The scikit-learn model over standardised features; `module` computes the same before the temperature."""


def fit(
    encoder: FrozenEncoder,
    train: Rows,
    validation: Rows,
    classes: int,
    options: Classification,
    show: Callable[[Section], None],
) -> FrozenFit:
    """Fits a logistic regression for each of `STRENGTHS` and keeps the one with the least validation loss, each being scaled by
    a temperature of its own. classes: how many there are. show: takes sections on what could not be calibrated.
    """
    features, truth = Standardised.of(encoder, train[0], validation[0]), np.asarray(validation[1])
    strength, regression = _best_strength(features.train, np.asarray(train[1]), features.held_out, truth, classes)
    weight, bias = coefficients(regression, classes)
    temperature, settings = calibrated(options, features.held_out @ weight.T + bias, truth, show)
    module = FrozenClassifier(encoder.module, features.mean, features.scale, weight, bias, temperature).eval()
    facts = {message("temperature"): temperature, **features.facts, "C": strength}
    return FrozenFit(module, settings, facts, regression)


@dataclass(frozen=True)
class Standardised:
    """Features of the frozen encoder with mean 0 and deviation 1 over the training rows."""

    mean: np.ndarray
    """(features,) float32."""
    scale: np.ndarray
    """(features,) float32."""
    train: np.ndarray
    """(rows, features)."""
    held_out: np.ndarray
    """(rows, features), of validation."""

    @classmethod
    def of(cls, encoder: FrozenEncoder, train: Sequence[str], validation: Sequence[str]) -> Standardised:
        features = encoder.features(train)
        mean, deviation = features.mean(0), features.std(0)
        scale = np.maximum(deviation, LEAST * deviation.mean())
        return cls(mean, scale, (features - mean) / scale, (encoder.features(validation) - mean) / scale)

    @property
    def facts(self) -> dict[str, Any]:
        """How many features and training rows there are, for the manifest."""
        return dict(zip(messages("features", "rows"), reversed(self.train.shape), strict=True))


def graph(module: FrozenClassifier, encoder: FrozenEncoder, thresholds: Sequence[float] | None = None) -> Graph:
    """The graph of a fine-tuned classifier over this module: inputs, outputs and codec are the same.

    thresholds: of each label, where a text has any number of them.
    """
    config: Any = module.features.encoder.config
    config.num_labels = module.head.out_features
    pad = encoder.tokenizer.pad_token_id or 0
    return fine_tuned.graph(module, config, encoder.max_length, pad, thresholds)


def _best_strength(
    features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, truth: np.ndarray, classes: int
) -> tuple[float, LogisticRegression]:
    """The C of `STRENGTHS` with the least calibrated loss on the held-out rows, and its regression.

    Held-out rows of classes without training rows do not count.
    """
    trained = np.isin(truth, targets)
    regression = LogisticRegression(max_iter=ITERATIONS, warm_start=True)  # each fit starts from the one before
    losses: list[float] = []
    fitted: list[LogisticRegression] = []
    for strength in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # further steps change no answer
            fitted.append(deepcopy(regression.set_params(C=strength).fit(features, targets)))
        weight, bias = coefficients(regression, classes)
        losses.append(_loss(held_out[trained] @ weight.T + bias, truth[trained]))
    best = int(np.argmin(losses))
    return STRENGTHS[best], fitted[best]


def _loss(logits: np.ndarray, targets: np.ndarray) -> float:
    return negative_log_likelihood(softmax(logits / fit_temperature(logits, targets), axis=-1), targets)
