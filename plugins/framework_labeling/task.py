"""The task labeling: tokens with tags in, metrics of the predicted spans out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

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
    Say,
    Splits,
    Table,
    Task,
)
from framework_labeling import TASK, Labeling

if TYPE_CHECKING:
    from framework_labeling.data import LabelingData


class LabelingTask(Task[Labeling, "LabelingData"], Decomposes):
    """Labels spans, or every token. Rows are tokens with tags, or texts with spans, as annotation tools save them."""

    name: ClassVar[str] = TASK
    options: ClassVar[type] = Labeling
    every_column: ClassVar[tuple[Column, ...]] = (
        Column("tokens", ("tokens", "words"), "texts", optional=True),
        Column("text", ("text", "sentence", "content", "data.text", "data", "body"), "text", optional=True),
        Column(
            "tags",
            ("tags", "ner_tags", "tag", "bio", "iob", "slot_tags", "pos_tags", "pos", "upos", "chunk_tags"),
            "ids",
            target=True,
            optional=True,
        ),
        Column(
            "spans",
            ("spans", "entities", "label", "labels", "annotations", "ner", "slots", "completions"),
            "text",
            target=True,
            optional=True,
        ),
        Column("answer", ("answer",), "text", target=True, optional=True),
    )
    shaped: ClassVar[tuple[Column, ...]] = (Column("tokens", (), "texts"), Column("tags", (), "ids", target=True))
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("entity_f1"), Metric("macro_f1"), Metric("token_accuracy"))
    competing: ClassVar[tuple[str, ...]] = ("most_frequent", "fine_tuned")

    recipe: ClassVar[str | None] = "entities"

    def claims(self, sample: FileSample) -> Claim | None:
        """Claims only files with a column of tags or of spans."""
        return super().claims(sample) if {"tags", "spans"} & sample.headers.keys() else None

    def shape(self, table: Table, options: Labeling, say: Say) -> Table:
        from framework_labeling.shaping import shape

        return shape(table, say)

    def prepare(self, splits: Splits, options: Labeling) -> LabelingData:
        from framework_labeling.data import prepare

        return prepare(splits, options)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_labeling.judging import judge

        return judge(answers, rows)

    def contributions(self, answers: Answers, rows: Table) -> Contributions:
        from framework_labeling.judging import contributions_of

        return contributions_of(answers, rows)

    def inspect(self, data: LabelingData, options: Labeling) -> Inspection:
        return Inspection(problems=data.problems())
