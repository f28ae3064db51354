"""Logistic regression on a frozen encoder's features: fitted in seconds, and often nearly as accurate as fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from framework import Graph, Section, messages
from framework_classification import Classification, fine_tuned
from framework_classification.calibration import calibrated
from framework_classification.linear import coefficients
from framework_classification.regression import best_strength
from framework_text.features import FrozenClassifier, FrozenEncoder

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # inverse of the regularization; 0.03 is best from 5 to 130 rows a class
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
    features = encoder.features(train[0])
    mean, deviation = features.mean(0), features.std(0)
    scale = np.maximum(deviation, LEAST * deviation.mean())
    held_out, truth = (encoder.features(validation[0]) - mean) / scale, np.asarray(validation[1])
    rows = (features - mean) / scale, np.asarray(train[1])
    best = best_strength(STRENGTHS, rows, (held_out, truth), classes)
    weight, bias = coefficients(best.regression, classes)
    temperature, settings = calibrated(options, held_out @ weight.T + bias, truth, show)
    module = FrozenClassifier(encoder.module, mean, scale, weight, bias, temperature).eval()
    names = messages("temperature", "features", "rows")
    facts = {**dict(zip(names, (temperature, features.shape[1], len(features)), strict=True)), "C": best.strength}
    return FrozenFit(module, settings, facts, best.regression)


def graph(module: FrozenClassifier, encoder: FrozenEncoder) -> Graph:
    """The graph of a fine-tuned classifier over this module: inputs, outputs and codec are the same."""
    config: Any = module.features.encoder.config
    config.num_labels = module.head.out_features
    network: Any = module
    return fine_tuned.graph(network, config, encoder.max_length, encoder.tokenizer.pad_token_id or 0)
