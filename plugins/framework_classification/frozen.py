"""Logistic regression on a frozen encoder's features: fitted in seconds, and often nearly as accurate as fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from framework import Graph, Json, Section, message, messages
from framework_classification import Classification, fine_tuned
from framework_classification.blending import Blend, Head, logits_of, over_standardised
from framework_classification.calibration import calibrated
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity
from framework_classification.label_check.out_of_fold import FixedFeatures
from framework_classification.linear import coefficients
from framework_classification.regression import PARTS, QUICK, best_strength, calibrated_loss, continued, crossed, regression
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
    """The scikit-learn model over standardised features; `module` computes the same before the temperature, unless another head
    stands beside it."""
    loss: float
    """Mean negative log-likelihood of validation rows with the best temperature, by heads that had not learned from them."""
    held_out: Head | None
    """The head before it learned from the validation rows; None: it has not."""
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
    *,
    all_rows: bool = False,
    turns: int | None = None,
    beside: Head | None = None,
) -> FrozenFit:
    """Fits a logistic regression for each of `STRENGTHS` and keeps the one with the least validation loss, each being scaled by
    a temperature of its own. classes: how many there are. show: takes sections on what could not be calibrated, and on
    familiarity. unknown: texts that belong to no class. all_rows: whether the regression learns from the validation rows, too,
    once all else is chosen on them. turns: a seed; then loss and calibration are of `crossed`, which tells what the validation
    rows add. That is much where an encoder was tuned to the training rows alone. beside: a head over the first features, as
    they are, with which the regression is averaged.
    """
    features, known = encoder.features(train[0]), encoder.features(validation[0])
    others = encoder.features(unknown) if unknown else known[:0]
    scaling, targets, truth = Scaling.of(features, each=not encoder.unit), np.asarray(train[1]), np.asarray(validation[1])
    standardised, held_out = scaling.applied(features), scaling.applied(known)
    best = best_strength(STRENGTHS, (standardised, targets), (held_out, truth), classes)
    head, trained = coefficients(best.regression, classes), np.isin(truth, targets)
    fresh = logits_of(head, held_out)
    if all_rows and turns is not None and len(truth) >= PARTS:
        fresh = crossed(best, (standardised, targets), (held_out, truth), classes, turns)
    blend = None
    if beside is not None:
        other = over_standardised(beside, scaling.mean, scaling.scale)
        blend = Blend.of(other, held_out[trained], fresh[trained], truth[trained])
        fresh, head = blend.logits(fresh, held_out), blend.with_head(head)
    loss = calibrated_loss(fresh[trained], truth[trained])
    logits, other_logits = (logits_of(head, rows) for rows in (held_out, scaling.applied(others)))
    temperature, abstains = calibrated(options, fresh, truth, show)
    evidence = Evidence(features, targets, known, truth, logits, others, other_logits)
    distance, familiar = fit_familiarity(options, evidence, show)
    final, before = best.regression, None
    if all_rows:
        final, before = continued(best, np.concatenate([standardised, held_out]), np.concatenate([targets, truth])), head
        head = coefficients(final, classes)
        head = blend.with_head(head) if blend is not None else head
    module = FrozenClassifier(encoder.module, scaling.mean, scaling.scale, *head, temperature, distance).eval()
    facts = {message("temperature"): temperature, **sizes(features), "C": best.strength}
    classifier = partial(regression, best.strength, QUICK)
    fixed = FixedFeatures(standardised, held_out, classifier, logits.argmax(1), best.seconds)
    return FrozenFit(module, {**abstains, **familiar}, facts, final, loss, before, distance, fixed)


@dataclass(frozen=True)
class Scaling:
    """Gives features the mean 0 and the deviation 1 over training rows: each feature, or all on average."""

    mean: np.ndarray
    """(features,) float32."""
    scale: np.ndarray
    """(features,) float32."""

    @classmethod
    def of(cls, features: np.ndarray, *, each: bool = True) -> Scaling:
        """From the features of training rows (rows, features).

        each: False scales all features alike, which keeps the cosines that an encoder was trained for.
        """
        deviation = features.std(0)
        average = deviation.mean()
        return cls(features.mean(0), np.maximum(deviation, LEAST * average) if each else np.full_like(deviation, average))

    def applied(self, features: np.ndarray) -> np.ndarray:
        """Standardised features, of the same shape."""
        standardised: np.ndarray = (features - self.mean) / self.scale
        return standardised


def sizes(features: np.ndarray) -> dict[str, Any]:
    """How many features and training rows (rows, features) there are, for the manifest."""
    return dict(zip(messages("features", "rows"), reversed(features.shape), strict=True))


def graph(module: FrozenClassifier, encoder: FrozenEncoder, thresholds: Sequence[float] | None = None) -> Graph:
    """The graph of a fine-tuned classifier over this module: inputs, outputs and codec are the same.

    thresholds: of each label, where a text has any number of them.
    """
    config = module.features.encoder.config
    return fine_tuned.graph(module, config, encoder.max_length, encoder.tokenizer.pad_token_id or 0, thresholds)
