"""The task summarization."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from framework import Answers, Claim, Column, Evaluation, FileSample, Inspection, Metric, Splits, Sure, Table, Task
from framework_summarization import TASK, Summarization
from framework_summarization.data import SummarizationData

UNSURE = ("title", "target")  # headers of summaries, and of much else


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
    recipe: ClassVar[str | None] = "summarization"

    def claims(self, sample: FileSample) -> Claim | None:
        """Claims files whose headers name both columns, whose summaries are together shorter than the texts, and mostly differ
        from each other; only possible for headers in `UNSURE`.
        """
        claim = super().claims(sample)
        texts, summaries = sample.rows.texts("text"), sample.rows.texts("summary")
        shorter = sum(map(len, summaries)) < sum(map(len, texts))
        if claim is None or sample.guessed or not shorter or len(set(summaries)) <= len(summaries) / 2:
            return None
        return replace(claim, sure=Sure.POSSIBLE) if str(sample.headers["summary"]).lower() in UNSURE else claim

    def prepare(self, splits: Splits, options: Summarization) -> SummarizationData:
        return SummarizationData(splits)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_summarization.evaluation import evaluate

        return evaluate(answers.merged(), rows)

    def inspect(self, data: SummarizationData, options: Summarization) -> Inspection:
        return Inspection(problems=data.problems())
