"""What a recipe may say of a recommender. No torch."""

from __future__ import annotations

from framework_recommendation import Recommendation
from framework_recommendation.options import Recommender
from framework_recommendation.options import problems as problems_with
from framework_recommendation.requests import MOST

PROTOCOLS = ("auto", "leave_one_out", "temporal", "random")


def problems(options: Recommendation, model: Recommender) -> list[str]:
    found = problems_with(model)
    if options.protocol not in PROTOCOLS:
        found.append(f"task.protocol={options.protocol}: write one of {', '.join(PROTOCOLS)}")
    if options.core < 0:
        found.append(f"task.core={options.core} is how many interactions everybody has at least: 0 or more")
    if not 1 <= options.k <= MOST:
        found.append(f"task.k={options.k} is how many items an answer has: 1 to {MOST:,}")
    return found
