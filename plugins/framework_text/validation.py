"""Checks the options of candidates that fine-tune an encoder, when the recipe is composed. No torch."""

from __future__ import annotations

from framework_text.backbones import config_of
from framework_text.options import FineTuning, shape_problems
from framework_text.readiness import layer_problems
from framework_text.training_plan import repeat_problems

ENCODERS = (  # accepted model types; the tests export each and compare it
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


def fine_tuning_problems(options: FineTuning) -> list[str]:
    """Problems of the options that do not depend on the task."""
    problems = []
    if options.weight_decay < 0:
        problems.append(f"model.weight_decay={options.weight_decay} must not be negative")
    if options.patience is not None and options.patience < 1:
        problems.append(f"model.patience={options.patience} must be at least 1, or null to train to the end")
    if options.batch_size is not None and options.batch_size < 1:
        problems.append(f"model.batch_size={options.batch_size} must be at least 1")
    if options.learning_rate is not None and not 0 < options.learning_rate < 1:
        problems.append(f"model.learning_rate={options.learning_rate} must lie between 0 and 1; 1e-4 is usual")
    if options.minutes is not None and options.minutes <= 0:
        problems.append(
            f"model.minutes={options.minutes} is the time to train for; write minutes above 0, or null for no limit"
        )
    if options.dropout is not None and not 0 <= options.dropout < 1:
        problems.append(f"model.dropout={options.dropout} is a share of the activations, from 0 to below 1")
    if options.epochs is not None and options.epochs < 1:
        problems.append(f"model.epochs={options.epochs} must be at least 1, or null for what rows and classes need")
    if not 0 < options.layer_decay <= 1:
        problems.append(f"model.layer_decay={options.layer_decay} is a factor of the learning rate: write above 0, at most 1")
    for name in ("label_smoothing", "word_dropout", "swaps", "typos"):
        share = getattr(options, name)
        if not 0 <= share < 1:
            problems.append(f"model.{name}={share} is a share, from 0 to below 1")
    problems += shape_problems(options) or layer_problems(options, config_of(options.backbone.chosen))
    problems += repeat_problems(options.repeat)
    if not 0 <= options.warmup < 1:
        problems.append(f"model.warmup={options.warmup} is a share of the steps, from 0 to below 1")
    return problems
