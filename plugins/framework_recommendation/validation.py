"""What a recipe may say of a recommender. No torch."""

from __future__ import annotations

import re
from datetime import datetime

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
    if options.time_format is not None and not _is_spelling(options.time_format):
        found.append(f'task.time_format={options.time_format}: write a format of strptime, such as "%d/%m/%Y %H:%M"')
    if options.events is not None and not options.events:
        found.append("task.events is empty: write the values of data.event that are interactions")
    return found


def _is_spelling(text: str) -> bool:
    """Whether it holds a date as `datetime.strptime` reads one."""
    moment = datetime(2024, 11, 26, 10, 31, 7)
    try:
        return datetime.strptime(moment.strftime(text), text).date() == moment.date()
    except (ValueError, re.error):
        return False
