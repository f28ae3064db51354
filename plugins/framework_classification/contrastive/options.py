"""Options of the candidate `contrastive`, and their problems. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from framework import TIME_LIMIT
from framework_text.options import FrozenBackbone


@dataclass
class ContrastiveTuning(FrozenBackbone):
    """Options of a candidate that tunes an encoder by similarity, and fits a logistic regression over the tuned features."""

    # minutes after which tuning ends, with the learning rate at 0; None: all passes, or what the budget allows
    tune_minutes: Optional[float] = field(default=None, metadata=TIME_LIMIT)
    passes: Optional[int] = None  # over the training rows, at most; None: 12, of many rows fewer
    similarity_temperature: float = 0.05  # similarities, -1 to 1, are divided by it before the softmax over classes
    # whether the regression that ships learns from the validation rows, too, once they have chosen its settings
    all_rows: bool = True
    class_names: bool = True  # labels that are words are texts of their class, too


def option_problems(options: ContrastiveTuning) -> list[str]:
    """Problems of the options that depend neither on the data nor on the backbone."""
    key, problems = "candidates.contrastive", []
    if options.tune_minutes is not None and not options.tune_minutes > 0:
        limit = "is the time to tune for; write minutes above 0, or null for no limit"
        problems.append(f"{key}.tune_minutes={options.tune_minutes:g} {limit}")
    if options.passes is not None and options.passes < 1:
        problems.append(f"{key}.passes={options.passes} must be at least 1, or null for as many as the rows need")
    if not options.similarity_temperature > 0:
        problems.append(f"{key}.similarity_temperature={options.similarity_temperature:g} must be above 0; 0.05 is usual")
    return problems
