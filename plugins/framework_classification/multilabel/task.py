"""The task multilabel: texts with any number of labels in, metrics of the answered labels out."""

from __future__ import annotations

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
from framework_classification import SEVERAL, Multilabel
from framework_classification.multilabel.data import LabelSetData
from framework_classification.task import RETWEET, TEXT_HEADERS, worded


class MultilabelTask(Task[Multilabel, LabelSetData], Refits, Decomposes):
    """One text a row with any number of labels, judged by micro-F1, macro-F1 or the share of rows with exactly their labels."""

    name: ClassVar[str] = SEVERAL
    options: ClassVar[type] = Multilabel
    every_column: ClassVar[tuple[Column, ...]] = (
        Column("text", TEXT_HEADERS, "text"),
        Column("label", ("labels", "label", "categories", "topics", "tags", "genres", "emotions"), "labels", target=True),
    )
    prefix: ClassVar[Prefix | None] = RETWEET
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("micro_f1"), Metric("macro_f1"), Metric("subset_accuracy"))
    loss: ClassVar[str | None] = "nll"
    competing: ClassVar[tuple[str, ...]] = ("linear", "fine_tuned")
    recipe: ClassVar[str | None] = "labels"

    def claims(self, sample: FileSample) -> Claim | None:
        """Some rows have several labels; or columns of 0 and 1 name them, and some rows have none."""
        counts = list(map(len, sample.rows.lists("label")))
        several = sum(count > 1 for count in counts)
        none = 0 in counts and not isinstance(sample.headers["label"], str)
        claim = super().claims(sample)
        if claim is None or not (several or none) or not worded(sample.rows.texts("text")):
            return None
        why = message(
            "{why}; {share:.0%} of its rows have several labels; data.label_combinations=keep makes combinations classes",
            why=claim.why,
            share=several / len(counts),
        )
        return Claim(claim.sure, why)

    def prepare(self, splits: Splits, options: Multilabel) -> LabelSetData:
        from framework_classification.multilabel.data import prepare

        return prepare(splits, options)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_classification.multilabel.evaluation import evaluate

        return evaluate(answers, rows)

    def contributions(self, answers: Answers, rows: Table) -> Contributions | None:
        from framework_classification.multilabel.contributions import contributions

        return contributions(answers, rows)

    def inspect(self, data: LabelSetData, options: Multilabel) -> Inspection:
        from framework_classification.preview import rare_labels

        return Inspection(problems=rare_labels(data))

    def refit(self, responses: Sequence[Response], rows: Table, settings: Settings) -> dict[str, object]:
        from framework_classification.multilabel.calibration import refit
        from framework_classification.multilabel.data import indicator

        return refit(responses, indicator(rows, settings["labels"]), settings)
