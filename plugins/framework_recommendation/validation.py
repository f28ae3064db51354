"""What a recipe may say of a recommender. No torch."""

from __future__ import annotations

import re
from datetime import datetime

from framework_recommendation import Recommendation
from framework_recommendation.requests import MOST

PROTOCOLS = ("auto", "leave_one_out", "temporal", "random")
COUNTS = ("neighbours", "negatives", "layers", "heads", "patience", "epochs", "dimensions", "batch_size", "max_history")
ABOVE_ZERO = ("minutes", "regularization", "learning_rate")
AT_LEAST_ZERO = ("shrinkage", "weight_decay")


def task_problems(options: Recommendation) -> list[str]:
    """What is wrong with the options of the task, whoever competes."""
    found = []
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


def option_problems(candidate: str, options: object) -> list[str]:
    """What is wrong with the options of a candidate, whichever of these numbers it has."""
    values = {name: value for name, value in vars(options).items() if value is not None}
    found = [(name, "1 or more") for name in COUNTS if values.get(name, 1) < 1]
    found += [(name, "a number above 0") for name in ABOVE_ZERO if values.get(name, 1) <= 0]
    found += [(name, "0 or more") for name in AT_LEAST_ZERO if values.get(name, 0) < 0]
    if not 0 <= values.get("dropout", 0) < 1:
        found.append(("dropout", "a share of the activations, from 0 to below 1"))
    if "heads" in values and values["heads"] >= 1 and values["dimensions"] % values["heads"]:
        found.append(("heads", f"a number that divides dimensions={values['dimensions']}"))
    return [f"candidates.{candidate}.{name}={values[name]}: write {instead}" for name, instead in found]


def _is_spelling(text: str) -> bool:
    """Whether it holds a date as `datetime.strptime` reads one."""
    moment = datetime(2024, 11, 26, 10, 31, 7)
    try:
        return datetime.strptime(moment.strftime(text), text).date() == moment.date()
    except (ValueError, re.error):
        return False
