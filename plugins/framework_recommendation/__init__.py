"""Recommendation: from a log of interactions to the items that each user is likely to take next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional

from framework import NAMES_AS_WRITTEN, hookimpl

TASK = "recommendation"


@dataclass
class Recommendation:
    """Options of `task: recommendation`."""

    protocol: str = "auto"
    """How the log is split: leave_one_out, temporal or random; auto: leave_one_out where the log has times, else random."""
    min_rating: Optional[float] = None
    """Rows with a lower rating are not interactions; None: every row is one, except dislikes."""
    events: Optional[list[str]] = None
    """Values of the column data.event that are interactions; None: decided by the plain meaning of each value."""
    time_format: Optional[str] = None
    """Format of the column data.time, such as "%d/%m/%Y %H:%M"; None: detected."""
    strip_ids: bool = False
    """Whether ids that differ only in surrounding spaces are the same id."""
    core: int = 0
    """Interactions that every user and item must have (k-core); rows of other users and items are left out."""
    repeats: bool = False
    """Whether items may be recommended again to users who took them."""
    k: int = 10
    """Items in an answer, unless the request says otherwise."""
    filters: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)
    """Columns of data.items that requests may filter by; None: the columns with few distinct values."""
    attributes: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)
    """Columns of data.users that describe a user; None: the columns with few distinct values."""

    @staticmethod
    def wants(chosen: Optional[Sequence[str]], name: str) -> bool:
        """Whether the option `chosen` (`filters` or `attributes`) allows a column; None allows every column."""
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
