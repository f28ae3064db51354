"""The recommendation task: it splits a log of interactions and judges how well rankings find what each user took next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from framework import (
    Answers,
    Claim,
    Column,
    Evaluation,
    FileSample,
    Finalizes,
    Inspection,
    Metric,
    Say,
    Shares,
    SideTable,
    Splits,
    SplitsItself,
    Table,
    Task,
)
from framework_recommendation import TASK, Recommendation
from framework_recommendation.data import RecommendationData
from framework_recommendation.headers import DESCRIPTION, EVENT, FEEDBACK, ITEM, QUANTITY, RATING, TIME, TITLE, USER


class RecommendationTask(Task[Recommendation, RecommendationData], SplitsItself[Recommendation], Finalizes):
    name: ClassVar[str] = TASK
    options: ClassVar[type] = Recommendation
    every_column: ClassVar[tuple[Column, ...]] = (
        Column("user", USER, "id"),
        Column("item", ITEM, "id"),
        Column("time", TIME, "time", optional=True),
        Column("rating", RATING, "number", optional=True),
        Column("event", EVENT, "category", optional=True),
        Column("feedback", FEEDBACK, "category", optional=True),
        Column("quantity", QUANTITY, "number", optional=True),
    )
    tables: ClassVar[tuple[SideTable, ...]] = (
        SideTable(
            "items",
            (
                Column("item_id", ("item_id", *ITEM, "id"), "id"),
                Column("title", TITLE, "text", optional=True),
                Column("item_text", DESCRIPTION, "text", optional=True),
            ),
        ),
        SideTable("users", (Column("user_id", ("user_id", *USER, "id"), "id"),)),
    )
    shaped: ClassVar[tuple[Column, ...]] = (
        Column("user", USER, "id", optional=True),
        Column("history", ("history", "items", "basket", "clicks"), "ids", optional=True),
        Column("k", ("k",), "number", optional=True),
        Column("relevant", ("relevant",), "ids", target=True),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("ndcg@10"),)
    competing: ClassVar[tuple[str, ...]] = ("popularity", "item_knn", "ease", "hybrid", "sasrec")

    recipe: ClassVar[str | None] = "recommendation"

    def claims(self, sample: FileSample) -> Claim | None:
        """Claims only files in which a user or an item occurs in several rows."""
        again = any(len(set(sample.rows.texts(role))) < len(sample.rows) for role in ("user", "item"))
        return super().claims(sample) if again else None

    def split(self, tables: Mapping[str, Table], options: Recommendation, shares: Shares, seed: int, say: Say) -> Splits:
        from framework_recommendation.data import split

        return split(tables, options, shares, seed, say)

    def labelled(self, table: Table, options: Recommendation, say: Say) -> Table:
        from framework_recommendation.data import rows_of_file

        return rows_of_file(table, options, say)

    def judged(self, table: Table) -> Table:
        from framework_recommendation.data import rows_by_user

        return rows_by_user(table)

    def prepare(self, splits: Splits, options: Recommendation) -> RecommendationData:
        from framework_recommendation.data import prepare

        return prepare(splits, options)

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        from framework_recommendation.evaluation import evaluate

        return evaluate(answers, rows)

    def inspect(self, data: RecommendationData, options: Recommendation) -> Inspection:
        from framework_recommendation.preview import inspect

        return inspect(data)

    def complete(self, splits: Splits, resources: Path) -> None:
        from framework_recommendation.data import complete

        complete(splits, resources)
