"""The candidates of classification, from the majority class to a fine-tuned encoder, the cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from framework import (
    Candidate,
    Choice,
    CodecSpec,
    FitContext,
    Fitted,
    Inspection,
    NoOptions,
    Space,
    message,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification, Multilabel
from framework_classification.contrastive.options import ContrastiveTuning, option_problems
from framework_classification.data import ClassificationData, LabelledTexts
from framework_text.options import ClassifierTuning, FineTuning, FrozenFeatures, StaticVectors

TOO_SHORT = "is the time to read training texts in; write minutes above 0, or null for no limit"

TaskOptions = TypeVar("TaskOptions", bound=Classification | Multilabel)
Data = TypeVar("Data", bound=LabelledTexts)


class Majority(Candidate[Classification, ClassificationData, NoOptions]):
    """Answers every text with the most frequent training label; probabilities are the labels' shares of the training rows."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = message("majority class")
    role = "baseline"

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        train = data.splits.train
        shares = np.bincount(data.targets(train), minlength=len(data.labels)) / len(train)
        settings = {**data.settings(), "shares": shares.tolist()}
        write_fitted(context.output, CodecSpec("classification_constant", settings))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class LinearCandidate(Candidate[Classification, ClassificationData, NoOptions]):
    """TF-IDF of word and character n-grams, computed by the codec, and a logistic regression as an ONNX graph."""

    name: ClassVar[str] = "linear"
    title: ClassVar[str] = message("TF-IDF + logistic regression")
    role = "baseline"
    bounded: ClassVar[bool] = True

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        from framework_classification.linear_candidate import fit_linear

        fit_linear(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.linear_candidate import open_linear

        return open_linear(folder)


class StaticCandidate(Candidate[Classification, ClassificationData, StaticVectors]):
    """Static token vectors, distilled from a frozen encoder, and a logistic regression over their weighted mean."""

    name: ClassVar[str] = "static"
    title: ClassVar[str] = message("static token vectors + logistic regression")
    options: ClassVar[type] = StaticVectors

    def problems(self, task: Classification, options: StaticVectors) -> list[str]:
        from framework_classification import validation

        return [*validation.task_problems(task), *validation.static_problems(task, options)]

    def refuses(
        self, data: ClassificationData, task: Classification, options: StaticVectors, trainer: Mapping[str, object]
    ) -> list[str]:
        from framework_text.readiness import backbone_problems

        return backbone_problems(options.backbone, data.splits.train.texts("text"), task.max_length, "task.max_length=")

    def fit(self, data: ClassificationData, context: FitContext[Classification, StaticVectors]) -> None:
        from framework_classification.static_candidate import fit_static

        fit_static(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.static_candidate import open_static

        return open_static(folder)


class Frozen(Candidate[TaskOptions, Data, FrozenFeatures]):
    """A base class: features of a pretrained encoder with fixed weights, and a logistic regression, as one graph."""

    name: ClassVar[str] = "frozen"
    title: ClassVar[str] = message("frozen encoder + logistic regression")
    options: ClassVar[type] = FrozenFeatures
    bounded: ClassVar[bool] = True

    def problems(self, task: TaskOptions, options: FrozenFeatures) -> list[str]:
        from framework_classification import validation

        minutes = options.encode_minutes
        limit = [] if minutes is None or minutes > 0 else [f"candidates.frozen.encode_minutes={minutes:g} {TOO_SHORT}"]
        return [*limit, *validation.task_problems(task), *validation.backbone_problems(task, options.backbone)]

    def refuses(self, data: Data, task: TaskOptions, options: FrozenFeatures, trainer: Mapping[str, object]) -> list[str]:
        from framework_text.readiness import backbone_problems

        return backbone_problems(options.backbone, data.splits.train.texts("text"), task.max_length, "task.max_length=")


class FrozenCandidate(Frozen[Classification, ClassificationData]):
    """Features of a pretrained encoder with fixed weights, and a logistic regression, as one graph."""

    def fit(self, data: ClassificationData, context: FitContext[Classification, FrozenFeatures]) -> None:
        from framework_classification.frozen_candidate import fit_frozen

        fit_frozen(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.frozen_candidate import open_frozen

        return open_frozen(folder)


class ContrastiveCandidate(Candidate[Classification, ClassificationData, ContrastiveTuning]):
    """An encoder that is tuned by similarity on few rows, and a logistic regression over its features, as one graph."""

    name: ClassVar[str] = "contrastive"
    title: ClassVar[str] = message("contrastively tuned encoder + logistic regression")
    options: ClassVar[type] = ContrastiveTuning
    fit_modules: ClassVar[Sequence[str]] = ("framework_classification.contrastive.candidate",)

    def problems(self, task: Classification, options: ContrastiveTuning) -> list[str]:
        from framework_classification import validation

        backbone = validation.backbone_problems(task, options.backbone)
        return [*option_problems(options), *validation.task_problems(task), *backbone]

    def refuses(
        self, data: ClassificationData, task: Classification, options: ContrastiveTuning, trainer: Mapping[str, object]
    ) -> list[str]:
        from framework_text.readiness import backbone_problems

        return backbone_problems(options.backbone, data.splits.train.texts("text"), task.max_length, "task.max_length=")

    def fit(self, data: ClassificationData, context: FitContext[Classification, ContrastiveTuning]) -> None:
        from framework_classification.contrastive.candidate import fit_contrastive

        fit_contrastive(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.frozen_candidate import open_frozen

        return open_frozen(folder)


class FineTuned(Candidate[TaskOptions, Data, FineTuning]):
    """A base class: a pretrained encoder whose weights are fine-tuned."""

    name: ClassVar[str] = "fine_tuned"
    title: ClassVar[str] = message("fine-tuned encoder")
    options: ClassVar[type] = FineTuning

    def problems(self, task: TaskOptions, options: FineTuning) -> list[str]:
        from framework_classification import validation

        return validation.problems(task, options)

    def refuses(self, data: Data, task: TaskOptions, options: FineTuning, trainer: Mapping[str, object]) -> list[str]:
        from framework_text import readiness

        texts = data.splits.train.texts("text")
        return readiness.problems(options, trainer, task.max_length, "task.max_length=", texts)

    def inspect(self, data: Data, task: TaskOptions, options: FineTuning) -> Inspection:
        from framework_text.preview import preview

        sections, problems = preview(data.splits.train.texts("text"), len(data.labels), task.max_length, options)
        return Inspection(sections, problems)

    def space(self, data: Data, task: TaskOptions, options: FineTuning, trainer: Mapping[str, object]) -> Space:
        from framework_text.search_space import fine_tuning_space, lengths

        texts = data.splits.train.texts("text")
        space = fine_tuning_space(options, texts, len(data.labels), trainer, rewrites=True)
        limits = lengths(task.max_length, texts)
        return space if limits is None else replace(space, task={"max_length": limits})


class FineTunedCandidate(FineTuned[Classification, ClassificationData]):
    """A pretrained encoder whose weights are fine-tuned, with a fitted temperature."""

    options: ClassVar[type] = ClassifierTuning
    fit_modules: ClassVar[Sequence[str]] = ("framework_classification.tuned_candidate",)

    def space(
        self, data: ClassificationData, task: Classification, options: FineTuning, trainer: Mapping[str, object]
    ) -> Space:
        space = super().space(data, task, options, trainer)
        return replace(space, task={**space.task, "class_weights": Choice((False, True))})

    def fit(self, data: ClassificationData, context: FitContext[Classification, FineTuning]) -> None:
        from framework_classification.tuned_candidate import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.tuned_candidate import open_fitted

        return open_fitted(folder)
