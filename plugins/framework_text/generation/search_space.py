"""What a search may vary around the settings of a writer. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from framework import Choice, Range, Space
from framework_text.generation.options import Writing
from framework_text.search_space import HIGHER, LOWER
from framework_text.training_plan import trainer_ends_training

RANKS = (8, 16, 32, 64)  # of an adapter


def writing_space(options: Writing, trainer: Mapping[str, object]) -> Space:
    """The space of a candidate that fine-tunes a language model.

    trainer: see `FitContext.trainer`; where it ends the training, epochs are not varied.
    """
    rate, epochs = options.learning_rate, options.epochs
    fresh: dict[str, Range | Choice] = {"learning_rate": Range(LOWER * rate, HIGHER * rate, log=True)}
    if options.adapter != "none":
        fresh["rank"] = Choice(RANKS)
    if not trainer_ends_training(trainer):
        fresh["epochs"] = Range(max(1, epochs // 2), 2 * epochs)
    return Space(fresh, compared_early=False)  # training is judged by its loss: writing answers would take longer
