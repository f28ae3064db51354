"""Checks the options of candidates that generate text: the backbone, and the settings of fine-tuning."""

from __future__ import annotations

from framework_text.backbones import family, misplaced, problems_with
from framework_text.generation.options import ADAPTERS, Writing
from framework_text.generation.pairs import Length
from framework_text.options import Backbone, unknown_attention
from framework_text.training_plan import repeat_problems

DECODER_ONLY = ("gemma2", "gemma3_text", "gpt2", "llama", "mistral", "qwen2", "qwen3")  # the tests compare each with `generate`
ENCODER_DECODER = ("bart", "mbart", "mt5", "pegasus", "t5")


def backbone_problems(backbone: Backbone, reading: Length, writing: Length) -> list[str]:
    """Why a backbone cannot be used; empty when it can. reading, writing: the recipe's limits on a prompt and on its answer."""
    apart = family(backbone.chosen) in ENCODER_DECODER
    window = max(reading.tokens, writing.tokens) if apart else reading.tokens + writing.tokens
    setting = f"the larger of {reading.key} and {writing.key}, " if apart else f"{reading.key} + {writing.key} = "
    return [*misplaced(backbone), *problems_with(backbone.chosen, (*DECODER_ONLY, *ENCODER_DECODER), window, setting)]


def problems(model: Writing, reading: Length, writing: Length) -> list[str]:
    """Problems of a recipe that fine-tunes a language model. reading, writing: as in `backbone_problems`."""
    problems = backbone_problems(model.backbone, reading, writing)
    if model.adapter not in ADAPTERS:
        problems.append(f"model.adapter={model.adapter}: write one of {', '.join(ADAPTERS)}")
    if model.rank < 1 or (model.alpha is not None and model.alpha < 1):
        problems.append(f"model.rank={model.rank} and model.alpha={model.alpha} must be at least 1; 16 and 32 are usual")
    if model.epochs < 1 or model.batch_size < 1 or model.patience < 1:
        problems.append(
            f"model.epochs={model.epochs}, model.batch_size={model.batch_size} and model.patience={model.patience} "
            "must be at least 1"
        )
    if model.rows is not None and model.rows < 1:
        problems.append(f"model.rows={model.rows} must be at least 1, or null for all that fit into the time")
    if not 0 < model.learning_rate < 1 or model.weight_decay < 0 or not 0 <= model.warmup < 1:
        problems.append(
            f"model.learning_rate={model.learning_rate} must lie between 0 and 1, model.weight_decay={model.weight_decay} must "
            f"not be negative, model.warmup={model.warmup} is a share of the steps"
        )
    if model.minutes is not None and model.minutes <= 0:
        problems.append(f"model.minutes={model.minutes} is the time to train for; write minutes above 0, or null for no limit")
    return [*problems, *unknown_attention(model.attention), *repeat_problems(model.repeat)]
