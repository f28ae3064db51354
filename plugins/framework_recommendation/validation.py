"""Checks the options of the task and of the candidates in a recipe. No torch."""

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
    """Problems in the options of the task."""
    problems = []
    if options.protocol not in PROTOCOLS:
        problems.append(f"task.protocol={options.protocol}: write one of {', '.join(PROTOCOLS)}")
    if options.core < 0:
        problems.append(f"task.core={options.core} is how many interactions everybody has at least: 0 or more")
    if not 1 <= options.k <= MOST:
        problems.append(f"task.k={options.k} is how many items an answer has: 1 to {MOST:,}")
    if options.time_format is not None and not _is_time_format(options.time_format):
        problems.append(f'task.time_format={options.time_format}: write a format of strptime, such as "%d/%m/%Y %H:%M"')
    if options.events is not None and not options.events:
        problems.append("task.events is empty: write the values of data.event that are interactions")
    return problems


def option_problems(candidate: str, options: object) -> list[str]:
    """Problems in the options of a candidate, which has some of the numbers that are checked here."""
    values = {name: value for name, value in vars(options).items() if value is not None}
    wrong = [(name, "1 or more") for name in COUNTS if values.get(name, 1) < 1]
    wrong += [(name, "a number above 0") for name in ABOVE_ZERO if values.get(name, 1) <= 0]
    wrong += [(name, "0 or more") for name in AT_LEAST_ZERO if values.get(name, 0) < 0]
    if not 0 <= values.get("dropout", 0) < 1:
        wrong.append(("dropout", "a share of the activations, from 0 to below 1"))
    if "heads" in values and values["heads"] >= 1 and values["dimensions"] % values["heads"]:
        wrong.append(("heads", f"a number that divides dimensions={values['dimensions']}"))
    return [f"candidates.{candidate}.{name}={values[name]}: write {instead}" for name, instead in wrong]


def _is_time_format(text: str) -> bool:
    """Whether the text is a format that `datetime.strptime` reads a whole date with."""
    moment = datetime(2024, 11, 26, 10, 31, 7)
    try:
        return datetime.strptime(moment.strftime(text), text).date() == moment.date()
    except (ValueError, re.error):
        return False
