"""The backbones that this task accepts; each family is exported and compared by the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework_classification import Classification
from framework_text import readiness
from framework_text.backbones import config_of, misplaced, problems_with
from framework_text.options import FineTuning, misshaped
from framework_text.training_plan import not_repeatable

FAMILIES = (
    "albert",
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)


def problems(options: Classification, model: FineTuning) -> list[str]:
    found = [*misplaced(model), *problems_with(model.backbone, FAMILIES, options.max_length)]
    labels = options.labels or []
    if len(set(labels)) < len(labels) or len(labels) == 1:
        found.append(f"task.labels={labels} must be two or more different labels")
    if options.abstain_precision is not None and not 0 < options.abstain_precision <= 1:
        found.append(f"task.abstain_precision={options.abstain_precision} is a share of answers: above 0, at most 1")
    if model.weight_decay < 0:
        found.append(f"model.weight_decay={model.weight_decay} must not be negative")
    if model.patience is not None and model.patience < 1:
        found.append(f"model.patience={model.patience} must be at least 1, or null to train to the end")
    if model.batch_size is not None and model.batch_size < 1:
        found.append(f"model.batch_size={model.batch_size} must be at least 1")
    if model.learning_rate is not None and not 0 < model.learning_rate < 1:
        found.append(f"model.learning_rate={model.learning_rate} must lie between 0 and 1; 1e-4 is usual")
    if model.minutes is not None and model.minutes <= 0:
        found.append(f"model.minutes={model.minutes} is the time to train for; write minutes above 0, or null for no limit")
    if model.dropout is not None and not 0 <= model.dropout < 1:
        found.append(f"model.dropout={model.dropout} is a share of the activations, from 0 to below 1")
    found += misshaped(model) or readiness.misfitting(model, config_of(model.backbone))
    found += not_repeatable(model.repeat)
    if not 0 <= model.warmup < 1:
        found.append(f"model.warmup={model.warmup} is a share of the steps, from 0 to below 1")
    return found


def ready(data: Any, options: Classification, model: FineTuning, trainer: Mapping[str, Any]) -> list[str]:
    """What would stop the fit before its first step."""
    return readiness.problems(model, trainer, options.max_length, "task.max_length=")
