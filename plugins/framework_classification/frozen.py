"""Logistic regression on a frozen encoder's features: minutes of fine-tuning in seconds, and often nearly as right."""

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

from framework import Graph, Section, messages
from framework_classification import Classification, fine_tuned
from framework_classification.calibration import calibrated, fit_temperature
from framework_classification.linear import of_every_class
from framework_classification.metrics import negative_log_likelihood
from framework_text.features import FrozenClassifier, FrozenEncoder

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # inverse of the regularization; 0.03 is best from 5 to 130 rows a class
ITERATIONS = 500  # at most; some dozens are usual
LEAST = 0.01  # of the mean deviation that one of a feature counts for: some encoders have dead features, of 1e-32

Rows = tuple[Sequence[str], Sequence[int]]  # texts, and the number of each one's class


@dataclass(frozen=True)
class Frozen:
    """A fitted classifier.

    module: the graph, in eval mode. settings: of the codec, for abstention. facts: temperature, C and features.
    regression: the scikit-learn model over standardised features that the module equals, before the temperature.
    """

    module: FrozenClassifier
    settings: dict[str, float]
    facts: dict[str, Any]
    regression: LogisticRegression


def fit(
    encoder: FrozenEncoder,
    train: Rows,
    validation: Rows,
    classes: int,
    options: Classification,
    show: Callable[[Section], None],
) -> Frozen:
    """Of several strengths the one with the least loss on validation, each at its own temperature."""
    features = encoder.features(train[0])
    mean, deviation = features.mean(0), features.std(0)
    scale = np.maximum(deviation, LEAST * deviation.mean())
    held_out, truth = (encoder.features(validation[0]) - mean) / scale, np.asarray(validation[1])
    strength, regression = _likeliest((features - mean) / scale, np.asarray(train[1]), held_out, truth, classes)
    weight, bias = of_every_class(regression, classes)
    temperature, settings = calibrated(options, held_out @ weight.T + bias, truth, show)
    module = FrozenClassifier(encoder.module, mean, scale, weight, bias, temperature).eval()
    named = messages("temperature", "features", "rows")
    facts = {**dict(zip(named, (temperature, features.shape[1], len(features)), strict=True)), "C": strength}
    return Frozen(module, settings, facts, regression)


def graph(module: FrozenClassifier, encoder: FrozenEncoder) -> Graph:
    """That of a fine-tuned classifier: what goes in and comes out is the same, and so is the codec."""
    config: Any = module.features.encoder.config
    config.num_labels = module.head.out_features
    network: Any = module
    return fine_tuned.graph(network, config, encoder.max_length, encoder.tokenizer.pad_token_id or 0)


def _likeliest(
    features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, truth: np.ndarray, classes: int
) -> tuple[float, LogisticRegression]:
    """The strength, and the regression, whose calibrated probabilities are likeliest on the rows held out."""
    trained = np.isin(truth, targets)
    regression = LogisticRegression(max_iter=ITERATIONS, warm_start=True)  # each goes on from the one before
    losses: list[float] = []
    fitted: list[LogisticRegression] = []
    for strength in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what is left to gain after so many steps shows on no row
            fitted.append(deepcopy(regression.set_params(C=strength).fit(features, targets)))
        weight, bias = of_every_class(regression, classes)
        losses.append(_loss(held_out[trained] @ weight.T + bias, truth[trained]))
    best = int(np.argmin(losses))
    return STRENGTHS[best], fitted[best]


def _loss(logits: np.ndarray, targets: np.ndarray) -> float:
    return negative_log_likelihood(softmax(logits / fit_temperature(logits, targets), axis=-1), targets)
