"""The candidates of dialogue and generation: retrieval of a training answer, and language models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from framework import Candidate, FitContext, Fitted, NoOptions, message, read_fitted
from framework_dialogue import RETRIEVAL, Dialogue
from framework_dialogue.data import DialogueData
from framework_dialogue.prompting import DialoguePrompting
from framework_dialogue.validation import task_problems
from framework_text.generation.candidates import UntunedCandidate, WriterCandidate
from framework_text.generation.prompting import Prompting


class RetrievalCandidate(Candidate[Dialogue, DialogueData, NoOptions]):
    """Answers with the answer to the most similar training conversation. Its artifact holds the training answers verbatim."""

    name: ClassVar[str] = RETRIEVAL
    title: ClassVar[str] = message("nearest question's answer")
    role = "baseline"
    bounded: ClassVar[bool] = True

    def problems(self, task: Dialogue, options: NoOptions) -> list[str]:
        return task_problems(task)

    def fit(self, data: DialogueData, context: FitContext[Dialogue, NoOptions]) -> None:
        from framework_dialogue.retrieval import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class DialogueWriter(WriterCandidate[Dialogue, DialogueData]):
    """A language model fine-tuned on every answer of every dialogue, given the messages before it."""

    prompting: ClassVar[Prompting[Any, Any, Any]] = DialoguePrompting()


class DialogueUntuned(UntunedCandidate[Dialogue, DialogueData]):
    prompting: ClassVar[Prompting[Any, Any, Any]] = DialoguePrompting()
