"""The candidates of classification, from the majority class to a fine-tuned encoder, the cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from framework import (
    Candidate,
    Choice,
    CodecSpec,
    Dimension,
    FitContext,
    Fitted,
    Inspection,
    NoOptions,
    Space,
    message,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.data import ClassificationData
from framework_text.options import FineTuning, FrozenFeatures

TOO_SHORT = "is the time to read training texts in; write minutes above 0, or null for no limit"


class Majority(Candidate[Classification, ClassificationData, NoOptions]):
    """Answers every text with the most frequent training label; probabilities are the labels' shares of the training rows."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = message("majority class")
    role = "baseline"

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        train = data.splits.train
        shares = np.bincount(data.targets(train), minlength=len(data.labels)) / len(train)
        settings = {"labels": data.labels, "shares": shares.tolist()}
        write_fitted(context.output, CodecSpec("classification_constant", settings))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class LinearCandidate(Candidate[Classification, ClassificationData, NoOptions]):
    """TF-IDF of word and character n-grams, computed by the codec, and a logistic regression as an ONNX graph."""

    name: ClassVar[str] = "linear"
    title: ClassVar[str] = message("TF-IDF + logistic regression")
    role = "baseline"

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        from framework_classification.linear_candidate import fit_linear

        fit_linear(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.linear_candidate import open_linear

        return open_linear(folder)


class FrozenCandidate(Candidate[Classification, ClassificationData, FrozenFeatures]):
    """Features of a pretrained encoder with fixed weights, and a logistic regression, as one graph."""

    name: ClassVar[str] = "frozen"
    title: ClassVar[str] = message("frozen encoder + logistic regression")
    options: ClassVar[type] = FrozenFeatures

    def problems(self, task: Classification, options: FrozenFeatures) -> list[str]:
        from framework_classification import validation

        minutes = options.encode_minutes
        limit = [] if minutes is None or minutes > 0 else [f"candidates.frozen.encode_minutes={minutes:g} {TOO_SHORT}"]
        return [*limit, *validation.task_problems(task), *validation.backbone_problems(task, options.backbone)]

    def refuses(
        self, data: ClassificationData, task: Classification, options: FrozenFeatures, trainer: Mapping[str, object]
    ) -> list[str]:
        from framework_text.readiness import backbone_problems

        return backbone_problems(options.backbone, data.splits.train.texts("text"), task.max_length, "task.max_length=")

    def fit(self, data: ClassificationData, context: FitContext[Classification, FrozenFeatures]) -> None:
        from framework_classification.frozen_candidate import fit_frozen

        fit_frozen(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.frozen_candidate import open_frozen

        return open_frozen(folder)


class FineTunedCandidate(Candidate[Classification, ClassificationData, FineTuning]):
    """A pretrained encoder whose weights are fine-tuned, with a fitted temperature."""

    name: ClassVar[str] = "fine_tuned"
    title: ClassVar[str] = message("fine-tuned encoder")
    options: ClassVar[type] = FineTuning

    def problems(self, task: Classification, options: FineTuning) -> list[str]:
        from framework_classification import validation

        return validation.problems(task, options)

    def refuses(
        self, data: ClassificationData, task: Classification, options: FineTuning, trainer: Mapping[str, object]
    ) -> list[str]:
        from framework_text import readiness

        texts = data.splits.train.texts("text")
        return readiness.problems(options, trainer, task.max_length, "task.max_length=", texts)

    def inspect(self, data: ClassificationData, task: Classification, options: FineTuning) -> Inspection:
        from framework_text.preview import preview

        sections, problems = preview(data.splits.train.texts("text"), len(data.labels), task.max_length, options)
        return Inspection(sections, problems)

    def space(
        self, data: ClassificationData, task: Classification, options: FineTuning, trainer: Mapping[str, object]
    ) -> Space:
        from framework_text.search_space import fine_tuning_space, lengths

        texts = data.splits.train.texts("text")
        space = fine_tuning_space(options, texts, len(data.labels), trainer, rewrites=True)
        of_task: dict[str, Dimension] = {"class_weights": Choice((False, True))}
        if (limits := lengths(task.max_length, texts)) is not None:
            of_task["max_length"] = limits
        return replace(space, task=of_task)

    def fit(self, data: ClassificationData, context: FitContext[Classification, FineTuning]) -> None:
        from framework_classification.fine_tuned import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.fine_tuned import open_fitted

        return open_fitted(folder)
