"""The backbones that this task accepts; each family is exported and compared by the tests."""

from __future__ import annotations

from framework_text.backbones import misplaced, problems_with
from framework_text.options import FineTuning

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


def problems(model: FineTuning) -> list[str]:
    found = [*misplaced(model), *problems_with(model.backbone, FAMILIES)]
    if model.batch_size < 1:
        found.append(f"model.batch_size={model.batch_size} must be at least 1")
    if not 0 < model.learning_rate < 1:
        found.append(f"model.learning_rate={model.learning_rate} must lie between 0 and 1; 1e-4 is usual")
    if not 0 <= model.warmup < 1:
        found.append(f"model.warmup={model.warmup} is a share of the steps, from 0 to below 1")
    return found
