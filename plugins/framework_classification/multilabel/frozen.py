"""Fits and opens a logistic regression for each label on a frozen encoder's features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from framework import CodecSpec, FitContext, Fitted
from framework_classification import Multilabel
from framework_classification.blending import Head
from framework_classification.frozen import STRENGTHS, Scaling, sizes
from framework_classification.frozen_candidate import all_rows_section, read_by_encoder, save_frozen
from framework_classification.frozen_candidate import open_frozen as open_classifier
from framework_classification.multilabel.calibration import calibrated, constant_logits, fit_platt
from framework_classification.multilabel.codec import LabelsCodec
from framework_classification.multilabel.data import LabelSetData
from framework_classification.multilabel.metrics import cross_entropy
from framework_classification.regression import ITERATIONS
from framework_text.features import FrozenClassifier
from framework_text.options import FrozenFeatures

Rows = tuple[np.ndarray, np.ndarray]  # standardised features (rows, features), and which labels each row has (rows, labels)


def fit_frozen(data: LabelSetData, context: FitContext[Multilabel, FrozenFeatures]) -> None:
    """Fits the classifiers for each of `STRENGTHS`, keeps those with the least calibrated validation loss, and fills the folder
    that `open_frozen` opens.
    """
    with read_by_encoder(data, context) as (encoder, train, context):
        validation = data.splits.validation
        features, held_out = (encoder.features(list(table.texts("text"))) for table in (train, validation))
        scaling, truth = Scaling.of(features), data.targets(validation)
        rows = scaling.applied(features), data.targets(train)
        others = scaling.applied(held_out), truth
        strength, weight, bias = _best(rows, others)
        settled = calibrated(data.labels, others[0] @ weight.T + bias, truth, context.show)

        def head_of(weight: np.ndarray, bias: np.ndarray) -> Head:
            scaled = settled.platt.scale[:, None] * weight, settled.platt.of_logits(bias)
            return scaled[0].astype(np.float32), scaled[1].astype(np.float32)

        before = head = head_of(weight, bias)
        if context.options.all_rows:
            head = head_of(*_continued(rows, others, strength, weight, bias))
            context.show(all_rows_section(len(validation)))
        module = FrozenClassifier(encoder.module, scaling.mean, scaling.scale, *head, temperature=1.0, several=True).eval()
        codec = CodecSpec("multilabel", {**data.settings(), **settled.settings})
        about = {**sizes(features), "C": strength}
        save_frozen(context, encoder, module, codec, about, held_out=before if context.options.all_rows else None)


def open_frozen(folder: Path) -> Fitted:
    """The classifier that `fit_frozen` saved."""
    return open_classifier(folder, LabelsCodec)


def _best(train: Rows, validation: Rows) -> tuple[float, np.ndarray, np.ndarray]:
    """The C of `STRENGTHS` with the least calibrated loss on validation, weights (labels, features), bias (labels,)."""
    (features, targets), (held_out, truth) = train, validation
    learnable = np.asarray(targets.any(0) & ~targets.all(0))
    weight, bias = np.zeros((len(learnable), features.shape[1])), constant_logits(targets)
    start = np.zeros((int(learnable.sum()), features.shape[1] + 1))
    fits, losses = [], []
    for strength in STRENGTHS:
        start = _regressions(features, targets[:, learnable], strength, start)
        logits = held_out @ start[:, :-1].T + start[:, -1]
        probabilities = expit(fit_platt(logits, truth[:, learnable]).of_logits(logits))
        losses.append(cross_entropy(probabilities, truth[:, learnable]).mean())
        fits.append(start)
    best = int(np.argmin(losses))
    weight[learnable], bias[learnable] = fits[best][:, :-1], fits[best][:, -1]
    return STRENGTHS[best], weight, bias


def _continued(train: Rows, validation: Rows, strength: float, weight: np.ndarray, bias: np.ndarray) -> Head:
    """Weight and bias of the same labels, from training and validation rows together. weight, bias: from the former."""
    features, targets = (np.concatenate(parts) for parts in zip(train, validation, strict=True))
    learnable = train[1].any(0) & ~train[1].all(0)
    start = np.hstack([weight[learnable], bias[learnable][:, None]])
    fitted = _regressions(features, targets[:, learnable], strength, start)
    weight, bias = weight.copy(), bias.copy()
    weight[learnable], bias[learnable] = fitted[:, :-1], fitted[:, -1]
    return weight, bias


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

    optimum = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return np.asarray(optimum.x).reshape(start.shape)
