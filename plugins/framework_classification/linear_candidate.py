"""Fits the linear classifier, compares it with scikit-learn, saves and opens it. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    FrameworkError,
    ModelFacts,
    NoOptions,
    message,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.data import ClassificationData
from framework_classification.linear import Linear, fit, other_features
from framework_classification.linear_codec import LinearCodec
from framework_classification.linear_graph import TOLERANCE, graph, onnx_model

ROWS = 50_000  # training rows used at most
FILE = "linear.onnx"  # in the fitted folder


def fit_linear(data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
    """Fits the classifier and fills the folder that `open_linear` opens.

    Raises FrameworkError where the classifier computes other features or probabilities than the scikit-learn pipeline.
    """
    train, validation = data.sample(ROWS, context.seed), data.splits.validation
    seconds = context.budget.remaining()
    linear, pipeline = fit(list(train.texts("text")), data.targets(train), len(data.labels), context.seed, seconds)
    texts, targets = list(validation.texts("text")), np.asarray(data.targets(validation))
    logits = linear.logits(texts)
    _compare_with(pipeline, linear, texts, logits)
    temperature, abstains = calibrated(context.task, logits, targets, context.show)
    settings = {"labels": data.labels, "calibrated_at": temperature, **abstains}
    facts = ModelFacts(rows=len(train), parameters=linear.weights.size, details={message("n-grams"): len(linear.counting)})
    resources = write_fitted(context.output, CodecSpec("classification_linear", settings), facts)
    linear.counting.save(resources)
    (context.output / FILE).write_bytes(onnx_model(linear, temperature).SerializeToString())


def open_linear(folder: Path) -> Fitted:
    """The classifier that `fit_linear` saved."""
    fitted = read_fitted(folder)
    codec = LinearCodec(fitted.codec.settings, folder / "resources")
    return replace(fitted, graphs=(graph(len(codec.counting), len(codec.labels), folder / FILE),))


def _compare_with(pipeline: Any, linear: Linear, texts: Sequence[str], logits: np.ndarray) -> None:
    """Raises FrameworkError where features or probabilities differ from those of the fitted scikit-learn pipeline.

    logits: (rows, classes), of the texts.
    """
    wrong = other_features(pipeline[0], linear.counting, texts)
    probabilities = softmax(logits, axis=-1)[:, pipeline[-1].classes_]
    apart = np.abs(probabilities - pipeline.predict_proba(texts)).max(initial=0.0)
    if wrong or apart > TOLERANCE:
        raise FrameworkError(
            f"the linear model does not compute what scikit-learn does: {len(wrong)} of {len(texts)} validation rows have "
            f"other features, probabilities differ by up to {apart:.1e}"
        )
