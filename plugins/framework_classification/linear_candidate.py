"""Fits the linear classifier, compares it with scikit-learn, saves and opens it. No torch."""

from __future__ import annotations

import time
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
from framework_classification.candidates import FrozenCandidate, LinearCandidate
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
    started = time.monotonic()
    left = context.budget.remaining()
    linear, pipeline = fit(list(train.texts("text")), data.targets(train), len(data.labels), context.seed, left)
    seconds = time.monotonic() - started
    texts, targets = list(validation.texts("text")), np.asarray(data.targets(validation))
    logits = linear.logits(texts)
    check_equal(pipeline, linear, texts, softmax(logits, axis=-1)[:, pipeline[-1].classes_])
    temperature, abstains = calibrated(context.task, logits, targets, context.show)
    settings = {**data.settings(), "calibrated_at": temperature, **abstains}
    write_linear(
        context.output, CodecSpec("classification_linear", settings), linear, onnx_model(linear, temperature), len(train)
    )
    if FrozenCandidate.name not in context.competing:  # whose features tell more
        from framework_classification.label_check.out_of_fold import tfidf_features
        from framework_classification.label_check.section import label_section
        from framework_classification.learning_curve import show_learning_curve

        features = tfidf_features(pipeline, train.texts("text"), texts, logits.argmax(1), seconds)
        context.show(label_section(data, train, features, context))
        show_learning_curve(data, train, features, context, LinearCandidate.title)


def write_linear(folder: Path, codec: CodecSpec, linear: Linear, model: Any, rows: int) -> None:
    """Fills the fitted folder. model: an `onnx.ModelProto`. rows: number of training rows used."""
    facts = ModelFacts(rows=rows, parameters=linear.weights.size, details={message("n-grams"): len(linear.counting)})
    linear.counting.save(write_fitted(folder, codec, facts))
    (folder / FILE).write_bytes(model.SerializeToString())


def open_linear(folder: Path) -> Fitted:
    """The classifier that `fit_linear` saved."""
    fitted = read_fitted(folder)
    codec = LinearCodec(fitted.codec.settings, folder / "resources")
    return replace(fitted, graphs=(graph(len(codec.counting), len(codec.labels), folder / FILE),))


def check_equal(pipeline: Any, linear: Linear, texts: Sequence[str], probabilities: np.ndarray) -> None:
    """Raises FrameworkError where features or probabilities differ from those of the fitted scikit-learn pipeline.

    probabilities: (rows, classes), of the texts.
    """
    wrong = other_features(pipeline[0], linear.counting, texts)
    apart = np.abs(probabilities - pipeline.predict_proba(texts)).max(initial=0.0)
    if wrong or apart > TOLERANCE:
        raise FrameworkError(
            f"the linear model does not compute what scikit-learn does: {len(wrong)} of {len(texts)} validation rows have "
            f"other features, probabilities differ by up to {apart:.1e}"
        )
