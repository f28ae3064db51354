"""The task classification: labelled texts in, metrics of the predicted labels out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from framework import (
    Answers,
    Claim,
    Column,
    Contributions,
    Decomposes,
    Evaluation,
    FileSample,
    Inspection,
    Metric,
    Prefix,
    Refits,
    Response,
    Settings,
    Splits,
    Table,
    Task,
    message,
)
from framework_classification import TASK, Classification
from framework_classification.data import ClassificationData

RETWEET = Prefix(message("retweet"), re.compile(r"""^\W*?((rt\s+@\w+\W*)|(["“]?@\w+:\s))+""", re.IGNORECASE))
TEXT_HEADERS = ("text", "review", "sentence", "tweet", "comment", "utterance", "content", "query")
DISTINCT = 0.5  # labels a row, at most, in the first rows of a file that is taken for this task
LABEL_LENGTH = 40  # characters on average, at most


class ClassificationTask(Task[Classification, ClassificationData], Refits, Decomposes):
    """One text a row with one label, judged by macro-F1 or accuracy."""

    name: ClassVar[str] = TASK
    options: ClassVar[type] = Classification
    every_column: ClassVar[tuple[Column, ...]] = (
        Column("text", TEXT_HEADERS, "text"),
        Column("label", ("label", "sentiment", "category", "class", "intent", "target"), "category", target=True),
    )
    prefix: ClassVar[Prefix | None] = RETWEET
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("macro_f1"), Metric("accuracy"))
    loss: ClassVar[str | None] = "nll"
    competing: ClassVar[tuple[str, ...]] = ("linear", "fine_tuned")
    recipe: ClassVar[str | None] = "sentiment"

    def claims(self, sample: FileSample) -> Claim | None:
        """Texts have words; labels are short, and come again."""
        texts, labels = sample.rows.texts("text"), sample.rows.texts("label")
        short = sum(map(len, labels)) <= LABEL_LENGTH * len(labels)
        again = len(set(labels)) <= max(2, DISTINCT * len(labels))
        return super().claims(sample) if worded(texts) and short and again else None

    def prepare(self, splits: Splits, options: Classification) -> ClassificationData:
        from framework_classification.data import prepare

        return prepare(splits, options)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_classification.evaluation import evaluate

        return evaluate(answers, rows)

    def contributions(self, answers: Answers, rows: Table) -> Contributions:
        from framework_classification.contributions import contributions

        return contributions(answers, rows)

    def inspect(self, data: ClassificationData, options: Classification) -> Inspection:
        from framework_classification.preview import WRONG_LABELS, class_size_problems

        return Inspection([WRONG_LABELS], class_size_problems(data, options))

    def refit(self, responses: Sequence[Response], rows: Table, settings: Settings) -> dict[str, object]:
        from framework_classification.calibration import refit

        return refit(responses, rows, settings)


def worded(texts: Sequence[str]) -> bool:
    """Whether most of the texts have letters."""
    return sum(any(map(str.isalpha, text)) for text in texts) > len(texts) / 2
