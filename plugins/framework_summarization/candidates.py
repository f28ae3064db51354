"""The candidates: the first sentences of a text (Nenkova 2005), and language models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from framework import Candidate, CodecSpec, FitContext, Fitted, NoOptions, message, read_fitted, write_fitted
from framework_summarization import LEAD_CODEC, Summarization
from framework_summarization.data import SummarizationData
from framework_summarization.prompting import SummaryPrompting
from framework_summarization.validation import task_problems
from framework_text.generation.candidates import UntunedCandidate, WriterCandidate
from framework_text.generation.prompting import Prompting


class FirstSentence(Candidate[Summarization, SummarizationData, NoOptions]):
    """Answers every text with its first sentence."""

    name: ClassVar[str] = "first_sentence"
    title: ClassVar[str] = message("first sentence")
    role = "baseline"
    sentences: ClassVar[int] = 1

    def problems(self, task: Summarization, options: NoOptions) -> list[str]:
        return task_problems(task)

    def fit(self, data: SummarizationData, context: FitContext[Summarization, NoOptions]) -> None:
        write_fitted(context.output, CodecSpec(LEAD_CODEC, {"sentences": self.sentences}))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class FirstThreeSentences(FirstSentence):
    name: ClassVar[str] = "first_three_sentences"
    title: ClassVar[str] = message("first three sentences")
    sentences: ClassVar[int] = 3


class SummaryWriter(WriterCandidate[Summarization, SummarizationData]):
    """A language model fine-tuned on texts followed by their summaries."""

    prompting: ClassVar[Prompting[Any, Any, Any]] = SummaryPrompting()


class SummaryUntuned(UntunedCandidate[Summarization, SummarizationData]):
    prompting: ClassVar[Prompting[Any, Any, Any]] = SummaryPrompting()
