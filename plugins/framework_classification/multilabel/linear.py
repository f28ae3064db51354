"""Fits a logistic regression for each label over TF-IDF, compares it with scikit-learn, saves and opens it. No torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from framework import CodecSpec, FitContext, Fitted, NoOptions, read_fitted
from framework_classification import Multilabel
from framework_classification.linear import Linear, fit_pipeline, linear_of, regression
from framework_classification.linear_candidate import FILE, ROWS, check_equal, write_linear
from framework_classification.linear_graph import graph, onnx_model
from framework_classification.multilabel.calibration import calibrated, constant_logits
from framework_classification.multilabel.codec import LinearLabelsCodec
from framework_classification.multilabel.data import LabelSetData
from framework_classification.multilabel.platt import Platt


def fit_linear(data: LabelSetData, context: FitContext[Multilabel, NoOptions]) -> None:
    """Fits the classifiers and fills the folder that `open_linear` opens.

    Raises FrameworkError where they compute other features or probabilities than the scikit-learn pipeline.
    """
    train, validation = data.sample(ROWS, context.seed), data.splits.validation
    linear, pipeline = fit(list(train.texts("text")), data.targets(train), context.seed)
    texts = list(validation.texts("text"))
    logits = linear.logits(texts)
    check_equal(pipeline, linear, texts, expit(logits))
    settled = calibrated(data.labels, logits, data.targets(validation), context.show)
    linear = _scaled(linear, settled.platt)
    codec = CodecSpec("multilabel_linear", {**data.settings(), **settled.settings})
    write_linear(context.output, codec, linear, onnx_model(linear, several=True), len(train))


def open_linear(folder: Path) -> Fitted:
    """The classifier that `fit_linear` saved."""
    fitted = read_fitted(folder)
    codec = LinearLabelsCodec(fitted.codec.settings, folder / "resources")
    spec = graph(len(codec.counting), len(codec.labels), folder / FILE, codec.thresholds.tolist())
    return replace(fitted, graphs=(spec,))


def fit(texts: Sequence[str], targets: np.ndarray, seed: int) -> tuple[Linear, Any]:
    """The classifier, whose logits are those of a sigmoid for each label, and the scikit-learn pipeline that it equals.

    targets: (rows, labels) bool. Raises InputError where every text is blank.
    """
    from sklearn.multiclass import OneVsRestClassifier

    count = targets.shape[1]
    model = OneVsRestClassifier(regression(count, seed))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Label .* is present in all|Label not .* is present in all")  # see `constant_logits`
        pipeline = fit_pipeline(texts, count, lambda grams: model.fit(grams, targets.astype(np.int64)))
    return linear_of(pipeline, *_coefficients(pipeline[-1], targets), one_vs_rest=False), pipeline


def _coefficients(model: Any, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (labels, features) and bias (labels,), float32, of a fitted `OneVsRestClassifier`."""
    bias = constant_logits(targets).astype(np.float32)
    learned = [getattr(one, "coef_", None) for one in model.estimators_]
    features = next(coefficients.shape[1] for coefficients in learned if coefficients is not None)
    weights = np.zeros((len(learned), features), np.float32)
    for label, coefficients in enumerate(learned):
        if coefficients is not None:
            weights[label], bias[label] = coefficients[0], model.estimators_[label].intercept_[0]
    return weights, bias


def _scaled(linear: Linear, platt: Platt) -> Linear:
    """The classifier with calibrated logits."""
    scale, shift = platt.scale.astype(np.float32), platt.shift.astype(np.float32)
    return replace(linear, weights=linear.weights * scale, bias=linear.bias * scale + shift)
