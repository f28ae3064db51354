"""Logistic regression on a frozen encoder's features: fitted in seconds, and often nearly as accurate as fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from framework import Graph, Json, Section, messages
from framework_classification import Classification, fine_tuned
from framework_classification.calibration import calibrated
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity
from framework_classification.label_check.out_of_fold import FixedFeatures
from framework_classification.linear import coefficients
from framework_classification.regression import ITERATIONS, best_strength
from framework_text.familiarity import Distance
from framework_text.features import FrozenClassifier, FrozenEncoder

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # inverse of the regularization; 0.03 is best from 5 to 130 rows a class
LEAST = 0.01  # smallest scale of a feature, of the mean deviation: some encoders have dead features, deviating by 1e-32

Rows = tuple[Sequence[str], Sequence[int]]  # texts, and the class number of each


@dataclass(frozen=True)
class FrozenFit:
    """A fitted classifier over a frozen encoder."""

    module: FrozenClassifier
    """The graph's module, in eval mode."""
    settings: dict[str, Json]
    """Codec settings of abstention and familiarity."""
    facts: dict[str, Any]
    """Temperature, number of features and of rows, and the inverse regularization strength C."""
    regression: LogisticRegression
    """The scikit-learn model over standardised features; `module` computes the same before the temperature."""
    distance: Distance | None
    """From which familiarity follows; None where the task asks for none."""
    features: FixedFeatures
    """The standardised features of the training and validation rows."""


def fit(
    encoder: FrozenEncoder,
    train: Rows,
    validation: Rows,
    classes: int,
    options: Classification,
    show: Callable[[Section], None],
    unknown: Sequence[str] = (),
) -> FrozenFit:
    """Fits a logistic regression for each of `STRENGTHS` and keeps the one with the least validation loss, each being scaled by
    a temperature of its own. classes: how many there are. show: takes sections on what could not be calibrated, and on
    familiarity. unknown: texts that belong to no class.
    """
    features = encoder.features(train[0])
    mean, deviation = features.mean(0), features.std(0)
    scale = np.full_like(deviation, deviation.mean()) if encoder.unit else np.maximum(deviation, LEAST * deviation.mean())
    targets, truth = np.asarray(train[1]), np.asarray(validation[1])
    known = encoder.features(validation[0])
    others = encoder.features(unknown) if unknown else known[:0]
    held_out = (known - mean) / scale
    started = time.monotonic()
    best = best_strength(STRENGTHS, ((features - mean) / scale, targets), (held_out, truth), classes)
    seconds = time.monotonic() - started
    weight, bias = coefficients(best.regression, classes)
    logits, other_logits = (standard @ weight.T + bias for standard in (held_out, (others - mean) / scale))
    temperature, abstains = calibrated(options, logits, truth, show)
    evidence = Evidence(features, targets, known, truth, logits, others, other_logits)
    distance, familiar = fit_familiarity(options, evidence, show)
    module = FrozenClassifier(encoder.module, mean, scale, weight, bias, temperature, distance).eval()
    names = messages("temperature", "features", "rows")
    facts = {**dict(zip(names, (temperature, features.shape[1], len(features)), strict=True)), "C": best.strength}
    classifier = partial(LogisticRegression, C=best.strength, max_iter=ITERATIONS)
    fixed = FixedFeatures((features - mean) / scale, held_out, classifier, logits.argmax(1), seconds)
    return FrozenFit(module, {**abstains, **familiar}, facts, best.regression, distance, fixed)


def graph(module: FrozenClassifier, encoder: FrozenEncoder) -> Graph:
    """The graph of a fine-tuned classifier over this module: inputs, outputs and codec are the same."""
    config = module.features.encoder.config
    return fine_tuned.graph(module, config, encoder.max_length, encoder.tokenizer.pad_token_id or 0)
