"""The task summarization."""

from __future__ import annotations

from typing import ClassVar

from framework import Answers, Column, Evaluation, Inspection, Metric, Splits, Table, Task
from framework_summarization import TASK, Summarization
from framework_summarization.data import SummarizationData


class SummarizationTask(Task[Summarization, SummarizationData]):
    """From a text to its summary."""

    name: ClassVar[str] = TASK
    options: ClassVar[type] = Summarization
    every_column: ClassVar[tuple[Column, ...]] = (
        Column("text", ("text", "document", "article", "source", "content", "body", "abstract"), "text"),
        Column("summary", ("summary", "highlights", "target", "tldr", "headline", "title"), "text", target=True),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("rouge_l"), Metric("rouge_1"), Metric("rouge_2"))
    loss: ClassVar[str | None] = "perplexity"
    competing: ClassVar[tuple[str, ...]] = ("writer",)

    def prepare(self, splits: Splits, options: Summarization) -> SummarizationData:
        return SummarizationData(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_summarization.evaluation import evaluate

        return evaluate(answers.merged(), rows)

    def inspect(self, data: SummarizationData, options: Summarization) -> Inspection:
        return Inspection(problems=data.problems())
