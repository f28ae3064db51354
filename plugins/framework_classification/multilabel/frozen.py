"""Fits and opens a logistic regression for each label on a frozen encoder's features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from framework import CodecSpec, FitContext, Fitted
from framework_classification import Multilabel
from framework_classification.frozen import ITERATIONS, STRENGTHS, Standardised
from framework_classification.frozen_candidate import open_frozen as open_classifier
from framework_classification.frozen_candidate import read_by_encoder, save_frozen
from framework_classification.multilabel.calibration import calibrated, constant_logits, fit_platt
from framework_classification.multilabel.codec import LabelsCodec
from framework_classification.multilabel.data import LabelSetData
from framework_classification.multilabel.metrics import cross_entropy
from framework_text.features import FrozenClassifier
from framework_text.options import FrozenBackbone


def fit_frozen(data: LabelSetData, context: FitContext[Multilabel, FrozenBackbone]) -> None:
    """Fits the classifiers for each of `STRENGTHS`, keeps those with the least calibrated validation loss, and fills the folder
    that `open_frozen` opens.
    """
    with read_by_encoder(data, context) as (encoder, train, context):
        validation = data.splits.validation
        features = Standardised.of(encoder, list(train.texts("text")), list(validation.texts("text")))
        targets, truth = data.targets(train), data.targets(validation)
        strength, weight, bias = _best(features, targets, truth)
        settled = calibrated(data.labels, features.held_out @ weight.T + bias, truth, context.show)
        weight, bias = settled.platt.scale[:, None] * weight, settled.platt.of_logits(bias)
        arrays = [array.astype(np.float32) for array in (features.mean, features.scale, weight, bias)]
        module = FrozenClassifier(encoder.module, *arrays, temperature=1.0, several=True).eval()
        codec = CodecSpec("multilabel", {"labels": data.labels, **settled.settings})
        save_frozen(context, encoder, module, codec, {**features.facts, "C": strength})


def open_frozen(folder: Path) -> Fitted:
    """The classifier that `fit_frozen` saved."""
    return open_classifier(folder, LabelsCodec)


def _best(features: Standardised, targets: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The C of `STRENGTHS` with the least calibrated loss on the held-out rows, weights (labels, features), bias (labels,)."""
    learnable = targets.any(0) & ~targets.all(0)
    weight, bias = np.zeros((len(learnable), features.train.shape[1])), constant_logits(targets)
    start = np.zeros((int(learnable.sum()), features.train.shape[1] + 1))
    fits, losses = [], []
    for strength in STRENGTHS:
        start = _regressions(features.train, targets[:, learnable], strength, start)
        logits = features.held_out @ start[:, :-1].T + start[:, -1]
        probabilities = expit(fit_platt(logits, truth[:, learnable]).of_logits(logits))
        losses.append(cross_entropy(probabilities, truth[:, learnable]).mean())
        fits.append(start)
    best = int(np.argmin(losses))
    weight[learnable], bias[learnable] = fits[best][:, :-1], fits[best][:, -1]
    return STRENGTHS[best], weight, bias


def _regressions(features: np.ndarray, targets: np.ndarray, strength: float, start: np.ndarray) -> np.ndarray:
    """Weights and bias, (labels, features + 1), of a logistic regression for each label, as scikit-learn's would be.

    All labels are fitted at once, since one product with the features serves them all; scikit-learn would take one by one.
    strength: C, the inverse of the regularization, which leaves the bias out. start: as the result.
    """

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = flat.reshape(start.shape)
        logits = features @ parameters[:, :-1].T + parameters[:, -1]
        errors = expit(logits) - targets
        gradient = np.hstack([errors.T @ features, errors.sum(0)[:, None]]) * strength
        gradient[:, :-1] += parameters[:, :-1]
        entropy = (np.logaddexp(0, logits) - targets * logits).sum()
        return float(strength * entropy + (parameters[:, :-1] ** 2).sum() / 2), gradient.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return np.asarray(found.x).reshape(start.shape)
