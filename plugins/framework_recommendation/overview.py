"""Report sections on the interactions of training and on the validation users. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework import Message, Section, Text, message, messages

if TYPE_CHECKING:
    from framework_recommendation.data import RecommendationData

SHOWN = 3  # users in the table, and items in a cell, both at most


def interactions_section(data: RecommendationData) -> Section:
    """Number of users, items and interactions in training, with the median and the largest count of each."""
    lengths, counts = data.train.lengths(), data.train.counts()[1:]
    share = len(data.train) / len(data.users) / len(data.items)
    rows = [
        (message("users"), f"{len(data.users):,}", _median_and_most(lengths)),
        (message("items"), f"{len(data.items):,}", _median_and_most(counts)),
        (message("interactions"), f"{len(data.train):,}", message("{share:.2%} of all pairs", share=share)),
    ]
    note = message("protocol: {protocol}", protocol=data.protocol)
    return Section(message("What is learned from"), ("", "", ""), rows, note)


def _median_and_most(interactions: np.ndarray) -> Message:
    """The median and the largest count, in words. interactions: (n,) counts, of each user or of each item."""
    return message(
        "{middle:.0f} interactions in the middle, {most:,} at most",
        middle=float(np.median(interactions)),
        most=int(interactions.max()),
    )


def users_section(data: RecommendationData) -> Section:
    """A few validation users, with the titles of their newest items and of their held-out items."""
    validation = data.splits.validation

    def titles(items: Sequence[str]) -> Text:
        return Text(", ".join(data.titles.get(item, item) for item in items[-SHOWN:]))

    rows = [
        (
            Text(validation.texts("user")[row]),
            titles(validation.lists("history")[row]),
            titles(validation.lists("relevant")[row]),
        )
        for row in range(min(SHOWN, len(validation)))
    ]
    header = messages("user", "took, the newest last", "is to be found")
    return Section(message("Users as the model sees them"), header, rows)
