"""What a search may vary around the settings of fine-tuning. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from framework import Choice, Range, Space
from framework_text.backbones import config_of
from framework_text.choosing import choose
from framework_text.options import FineTuning
from framework_text.readiness import LAYERS
from framework_text.training_plan import batch_size, learning_rate, trainer_ends_training, wanted_epochs

LOWER, HIGHER = 0.25, 4.0  # learning rates, as multiples of the planned one
DROPPED, SMOOTHED, MASKED, NOISED = 0.3, 0.2, 0.2, 0.1  # the most dropout, label smoothing, dropped words, swaps and typos
DECAYED = 0.7  # the least layer-wise decay
CHARACTERS = 3  # of a token, at least, in texts of most languages


def fine_tuning_space(
    options: FineTuning, texts: Sequence[str], classes: int, trainer: Mapping[str, object], *, rewrites: bool
) -> Space:
    """The space of a candidate that fine-tunes a backbone on texts.

    trainer: see `FitContext.trainer`; where it ends the training, epochs are not varied. rewrites: whether the candidate can
    swap words and make typos in its training texts.
    """
    batch = batch_size(options, len(texts))
    rate, epochs = learning_rate(options, batch), wanted_epochs(len(texts), classes, batch)
    noise: dict[str, Range | Choice] = {"dropout": Range(0.0, DROPPED), "label_smoothing": Range(0.0, SMOOTHED)}
    noise["word_dropout"] = Range(0.0, MASKED)
    if rewrites:
        noise |= {"swaps": Range(0.0, NOISED), "typos": Range(0.0, NOISED)}
    fresh = {**noise, "learning_rate": Range(LOWER * rate, HIGHER * rate, log=True, start=rate)}
    onward = {**noise, "learning_rate": Range(LOWER**2 * rate, rate, log=True)}
    if not trainer_ends_training(trainer):
        fresh["epochs"] = Range(max(1, epochs // 2), 2 * epochs, start=epochs)
        onward["epochs"] = Range(1, max(1, epochs // 2))
    fresh["layer_decay"] = Range(DECAYED, 1.0)
    fresh |= _shapes(options, texts)
    return Space(fresh, onward=onward)


def _shapes(options: FineTuning, texts: Sequence[str]) -> dict[str, Range | Choice]:
    """How many layers are kept, and what is frozen."""
    config: Mapping[str, Any] = config_of(choose(options.backbone, texts).backbone.chosen)
    count = next((config[name] for name in LAYERS if isinstance(config.get(name), int)), None)
    freezes: list[str | int | None] = [None, "embeddings", "nothing"]
    if count is None or count < 4 or config.get("model_type") == "albert":
        return {"freeze": Choice(tuple(freezes))}
    return {
        "freeze": Choice((*freezes, count // 3)),
        "layers": Choice((None, round(count * 2 / 3), count // 2)),
    }


def lengths(max_length: int, texts: Iterable[str]) -> Choice | None:
    """Other limits of a text's tokens: half, where some texts are so long that it matters; None: there are none."""
    longest = max(map(len, texts), default=0)
    return Choice((max_length, max_length // 2)) if longest > CHARACTERS * max_length // 2 and max_length >= 16 else None
