"""The candidates of labeling, from each token's most frequent tag to a fine-tuned encoder, the cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from framework import Candidate, FitContext, Fitted, Inspection, NoOptions, Space, message, read_fitted
from framework_labeling import Labeling
from framework_labeling.data import LabelingData
from framework_text.options import FineTuning, FrozenBackbone


class MostFrequent(Candidate[Labeling, LabelingData, NoOptions]):
    """Answers each token with its most frequent training tag, and unseen tokens as outside."""

    name: ClassVar[str] = "most_frequent"
    title: ClassVar[str] = message("most frequent tag of each token")
    role = "baseline"

    def problems(self, task: Labeling, options: NoOptions) -> list[str]:
        from framework_labeling.validation import task_problems

        return task_problems(task)

    def fit(self, data: LabelingData, context: FitContext[Labeling, NoOptions]) -> None:
        from framework_labeling.most_frequent import fit

        fit(data, context.output)

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class FrozenTagger(Candidate[Labeling, LabelingData, FrozenBackbone]):
    """Token states of a pretrained encoder with fixed weights, and a logistic regression, as one graph."""

    name: ClassVar[str] = "frozen"
    title: ClassVar[str] = message("frozen encoder + logistic regression")
    options: ClassVar[type] = FrozenBackbone

    def problems(self, task: Labeling, options: FrozenBackbone) -> list[str]:
        from framework_labeling.validation import backbone_problems, task_problems

        return [*backbone_problems(task, options.backbone), *task_problems(task)]

    def refuses(self, data: LabelingData, task: Labeling, options: FrozenBackbone, trainer: Mapping[str, object]) -> list[str]:
        from framework_text.readiness import backbone_problems

        return backbone_problems(options.backbone, data.texts("train"), task.max_length, "task.max_length=")

    def fit(self, data: LabelingData, context: FitContext[Labeling, FrozenBackbone]) -> None:
        from framework_labeling.frozen import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_labeling.tagger import open_tagger

        return open_tagger(folder)


class FineTunedTagger(Candidate[Labeling, LabelingData, FineTuning]):
    """A pretrained encoder whose weights are fine-tuned, with a linear layer over the first token of each word."""

    name: ClassVar[str] = "fine_tuned"
    title: ClassVar[str] = message("fine-tuned encoder")
    options: ClassVar[type] = FineTuning
    fit_modules: ClassVar[Sequence[str]] = ("framework_labeling.fine_tuned",)

    def problems(self, task: Labeling, options: FineTuning) -> list[str]:
        from framework_labeling.validation import problems

        return problems(task, options)

    def refuses(self, data: LabelingData, task: Labeling, options: FineTuning, trainer: Mapping[str, object]) -> list[str]:
        from framework_text import readiness

        return readiness.problems(options, trainer, task.max_length, "task.max_length=", data.texts("train"))

    def inspect(self, data: LabelingData, task: Labeling, options: FineTuning) -> Inspection:
        from framework_text.preview import preview

        return Inspection(*preview(data.texts("train"), len(data.tags), task.max_length, options, cuts=False))

    def space(self, data: LabelingData, task: Labeling, options: FineTuning, trainer: Mapping[str, object]) -> Space:
        from framework_text.search_space import fine_tuning_space

        return fine_tuning_space(options, data.texts("train"), len(data.tags), trainer, rewrites=False)

    def fit(self, data: LabelingData, context: FitContext[Labeling, FineTuning]) -> None:
        from framework_labeling.fine_tuned import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_labeling.tagger import open_tagger

        return open_tagger(folder)
