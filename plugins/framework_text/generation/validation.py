"""The language models that generators accept, and what is wrong with the settings of their training."""

from __future__ import annotations

from framework_text.backbones import family, misplaced, problems_with
from framework_text.generation.options import ADAPTERS, Writing
from framework_text.generation.pairs import Length
from framework_text.options import Backbone, unknown_attention
from framework_text.training_plan import not_repeatable

DECODER_ONLY = ("gemma2", "gemma3_text", "gpt2", "llama", "mistral", "qwen2", "qwen3")  # each is held to `generate` by tests
ENCODER_DECODER = ("bart", "mbart", "mt5", "pegasus", "t5")


def backbone_problems(backbone: Backbone, reading: Length, writing: Length) -> list[str]:
    """reading, writing: the tokens that the recipe allows of a prompt and of its answer."""
    apart = family(backbone.chosen) in ENCODER_DECODER
    window = max(reading.tokens, writing.tokens) if apart else reading.tokens + writing.tokens
    said = f"the larger of {reading.key} and {writing.key}, " if apart else f"{reading.key} + {writing.key} = "
    return [*misplaced(backbone), *problems_with(backbone.chosen, (*DECODER_ONLY, *ENCODER_DECODER), window, said)]


def problems(model: Writing, reading: Length, writing: Length) -> list[str]:
    """What is wrong with a recipe that fine-tunes a language model. reading, writing: as `backbone_problems` takes them."""
    found = backbone_problems(model.backbone, reading, writing)
    if model.adapter not in ADAPTERS:
        found.append(f"model.adapter={model.adapter}: write one of {', '.join(ADAPTERS)}")
    if model.rank < 1 or model.alpha < 1:
        found.append(f"model.rank={model.rank} and model.alpha={model.alpha} must be at least 1; 16 and 32 are usual")
    if model.epochs < 1 or model.batch_size < 1 or model.patience < 1:
        found.append(
            f"model.epochs={model.epochs}, model.batch_size={model.batch_size} and model.patience={model.patience} "
            "must be at least 1"
        )
    if model.rows is not None and model.rows < 1:
        found.append(f"model.rows={model.rows} must be at least 1, or null for all that fit into the time")
    if not 0 < model.learning_rate < 1 or model.weight_decay < 0 or not 0 <= model.warmup < 1:
        found.append(
            f"model.learning_rate={model.learning_rate} must lie between 0 and 1, model.weight_decay={model.weight_decay} must "
            f"not be negative, model.warmup={model.warmup} is a share of the steps"
        )
    if model.minutes is not None and model.minutes <= 0:
        found.append(f"model.minutes={model.minutes} is the time to train for; write minutes above 0, or null for no limit")
    return [*found, *unknown_attention(model.attention), *not_repeatable(model.repeat)]
