"""Candidates of tasks that generate text: a fine-tuned language model, and the same model untuned as a baseline. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic

from framework import Candidate, FitContext, Fitted, Inspection, Space, message
from framework_text import readiness
from framework_text.generation import preview, validation
from framework_text.generation.options import Untuned, Writing
from framework_text.generation.prompting import Data, Prompting, TaskOptions


class WriterCandidate(Candidate[TaskOptions, Data, Writing], Generic[TaskOptions, Data]):
    """A language model fine-tuned on the training rows. A subclass sets `prompting`, in which tasks differ."""

    name: ClassVar[str] = "writer"
    title: ClassVar[str] = message("fine-tuned writer")
    options: ClassVar[type] = Writing
    fit_modules: ClassVar[Sequence[str]] = ("framework_text.generation.writer",)
    stateful: ClassVar[bool] = True
    prompting: ClassVar[Prompting[Any, Any, Any]]

    def problems(self, task: TaskOptions, options: Writing) -> list[str]:
        lengths = self.prompting.reading(task), self.prompting.writing(task)
        return [*validation.problems(options, *lengths), *self.prompting.problems(task)]

    def refuses(self, data: Data, task: TaskOptions, options: Writing, trainer: Mapping[str, object]) -> list[str]:
        reading = self.prompting.reading(task)
        problems = readiness.problems(options, trainer, reading.tokens, f"{reading.key}=")
        return problems or self.prompting.misfits(task, options)

    def inspect(self, data: Data, task: TaskOptions, options: Writing) -> Inspection:
        return preview.inspect(self.prompting, data, task, options)

    def space(self, data: Data, task: TaskOptions, options: Writing, trainer: Mapping[str, object]) -> Space:
        from framework_text.generation.search_space import writing_space

        return writing_space(options, trainer)

    def fit(self, data: Data, context: FitContext[TaskOptions, Writing]) -> None:
        from framework_text.generation.writer import fit_writer

        fit_writer(self.prompting, data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_text.generation.writer import open_writer

        return open_writer(self.prompting, folder)


class UntunedCandidate(Candidate[TaskOptions, Data, Untuned], Generic[TaskOptions, Data]):
    """The backbone without fine-tuning, prompted as the writer is: the baseline of the writer.

    The fitted folder holds the address and checksum of the backbone, not its weights. On another machine it opens once the
    backbone is available under the same address; weights with another checksum are refused. An artifact holds the weights.
    """

    name: ClassVar[str] = "untuned"
    title: ClassVar[str] = message("backbone before fine-tuning")
    options: ClassVar[type] = Untuned
    role = "baseline"
    stateful: ClassVar[bool] = True
    prompting: ClassVar[Prompting[Any, Any, Any]]

    def problems(self, task: TaskOptions, options: Untuned) -> list[str]:
        lengths = self.prompting.reading(task), self.prompting.writing(task)
        return [*validation.backbone_problems(options.backbone, *lengths), *self.prompting.problems(task)]

    def refuses(self, data: Data, task: TaskOptions, options: Untuned, trainer: Mapping[str, object]) -> list[str]:
        """Also checks the backbone, which is not checked at composition where the writer does not compete."""
        reading, writing = self.prompting.reading(task), self.prompting.writing(task)
        problems = validation.backbone_problems(options.backbone, reading, writing)
        problems = problems or readiness.tokenizer_problems(options.backbone.chosen, reading.tokens, f"{reading.key}=")
        return problems or self.prompting.misfits(task, options)

    def fit(self, data: Data, context: FitContext[TaskOptions, Untuned]) -> None:
        from framework_text.generation.writer import fit_untuned

        fit_untuned(self.prompting, context)

    def open(self, folder: Path) -> Fitted:
        from framework_text.generation.writer import open_untuned

        return open_untuned(self.prompting, folder)
