"""Recommendation: from who took what to the items each will want next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional

from framework import NAMES_AS_WRITTEN, hookimpl

TASK = "recommendation"


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


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register(TASK, "framework_recommendation.task:RecommendationTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    for name in ("Popularity", "ItemKnn", "Ease", "Hybrid", "Bpr", "MultVae", "Sasrec"):
        register(TASK, f"framework_recommendation.candidates:{name}")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register(TASK, "framework_recommendation.codec:RecommendationCodec")


@hookimpl
def register_formats(register: Callable[[str, str], None]) -> None:
    register("movielens", "framework_recommendation.movielens:MovieLens")
    register("recbole", "framework_recommendation.recbole:RecBole")


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    register("recommend", "framework_recommendation.surface:Recommend")
