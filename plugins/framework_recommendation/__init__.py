"""Recommendation: from who took what to the items each will want next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional

from framework import NAMES_AS_WRITTEN, Candidate, Column, Metric, SideTable, Task, hookimpl
from framework_recommendation.headers import DESCRIPTION, EVENT, FEEDBACK, ITEM, QUANTITY, RATING, TIME, TITLE, USER
from framework_recommendation.options import Recommender


@dataclass
class Recommendation:
    """Options of `task: recommendation`."""

    protocol: str = "auto"  # leave_one_out, temporal or random; auto: leave_one_out where there are times, else random
    min_rating: Optional[float] = None  # rows rated below are no interest; None: every row counts but dislikes
    events: Optional[list[str]] = None  # values of data.event that are interactions; None: by their plain meaning
    time_format: Optional[str] = None  # of data.time, such as "%d/%m/%Y %H:%M"; None: found
    strip_ids: bool = False  # whether ids that differ in the spaces around them are one
    core: int = 0  # interactions that every user and item has at least; rows of others are left out
    repeats: bool = False  # whether items may be recommended again to those who took them
    k: int = 10  # items of an answer, unless the request says otherwise
    # columns of data.items that requests may filter by; None: those of few values
    filters: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)
    # columns of data.users that say something of a user; None: those of few values
    attributes: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)

    @staticmethod
    def wants(chosen: Optional[Sequence[str]], name: str) -> bool:
        return chosen is None or name in chosen


POPULARITY = Candidate("popularity", fit="framework_recommendation.fitting:popularity", options=Recommender, baseline=True)
ITEM_KNN = Candidate("item-kNN", fit="framework_recommendation.fitting:item_knn", options=Recommender, baseline=True)
RECOMMENDER = Candidate(
    "recommender",
    fit="framework_recommendation.fitting:fit",
    options=Recommender,
    check="framework_recommendation.validation:problems",
    ready="framework_recommendation.readiness:problems",
)


@hookimpl
def register_tasks(register: Callable[[Task], None]) -> None:
    register(
        Task(
            "recommendation",
            options=Recommendation,
            columns=(
                Column("user", USER, "id"),
                Column("item", ITEM, "id"),
                Column("time", TIME, "time", optional=True),
                Column("rating", RATING, "number", optional=True),
                Column("event", EVENT, "category", optional=True),
                Column("feedback", FEEDBACK, "category", optional=True),
                Column("quantity", QUANTITY, "number", optional=True),
            ),
            tables=(
                SideTable(
                    "items",
                    (
                        Column("item_id", ("item_id", *ITEM, "id"), "id"),
                        Column("title", TITLE, "text", optional=True),
                        Column("item_text", DESCRIPTION, "text", optional=True),
                    ),
                ),
                SideTable("users", (Column("user_id", ("user_id", *USER, "id"), "id"),)),
            ),
            shaped=(
                Column("user", USER, "id", optional=True),
                Column("history", ("history", "items", "basket", "clicks"), "ids", optional=True),
                Column("k", ("k",), "number", optional=True),
                Column("relevant", ("relevant",), "ids", target=True),
            ),
            metric=Metric("ndcg@10"),
            data="framework_recommendation.data:prepare",
            split="framework_recommendation.data:split",
            judged="framework_recommendation.data:of_users",
            labelled="framework_recommendation.data:later",
            complete="framework_recommendation.data:complete",
            evaluate="framework_recommendation.evaluation:evaluate",
            codec="framework_recommendation.codec:RecommendationCodec",
            candidates=(POPULARITY, ITEM_KNN, RECOMMENDER),
            inspect="framework_recommendation.preview:inspect",
            scores=True,
        )
    )
