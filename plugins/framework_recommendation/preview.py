"""A preview of the training data and its problems. No torch."""

from __future__ import annotations

import numpy as np

from framework import Inspection, Problem, Section
from framework_recommendation.data import RecommendationData
from framework_recommendation.readiness import EASE_BYTES

FEW = 5  # interactions of a user or item below which little is learned
MOST_OF = 0.5  # share of users or items with fewer than `FEW` interactions above which this is a problem


def inspect(data: RecommendationData) -> Inspection:
    rows = [
        ("texts of items", f"{sum(item in data.texts for item in data.items):,} of {len(data.items):,}"),
        ("columns to filter by", ", ".join(data.filters) or "none"),
        ("attributes of users", ", ".join(field.name for field in data.fields) or "none"),
    ]
    return Inspection([Section("Beside the interactions", ("", ""), rows)], _problems(data))


def memory_for_ease(data: RecommendationData) -> Section:
    items = len(data.items)
    return Section("Memory for EASE", note=f"{EASE_BYTES * items**2 / 1e9:.2f} GB, for every pair of {items:,} items")


def _problems(data: RecommendationData) -> list[Problem]:
    problems = []
    pairs = (("users", data.train.lengths()), ("items", data.train.counts()[1:]))
    for name, counts in pairs:
        share = float(np.mean(counts < FEW))
        if share > MOST_OF:
            what = f"{share:.0%} of the {name} have fewer than {FEW} interactions"
            problems.append(Problem(what, f"little can be learned of them; task.core={FEW} leaves them out"))
    table = data.splits.tables.get("items")
    described = set() if table is None else set(table.texts("item_id"))
    if table is not None and (missing := [item for item in data.items if item not in described]):
        what = f"{len(missing):,} of {len(data.items):,} items do not stand in {table.name}"
        problems.append(Problem(what, "their titles are not shown; are the ids written the same way in both files?"))
    return problems
