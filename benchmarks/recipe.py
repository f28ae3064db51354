"""The rows, the backbone and the fit of the encoder of the sentiment recipe, as in a run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from framework import Splits, Table
from framework.data.loading import load_splits
from framework.plugins import load_plugins
from framework.recipe.candidates import options_for
from framework.recipe.compose import compose_recipe
from framework.run.context import Run, begin_run
from framework.run.fits.fitting import fit_candidate
from framework_classification import TASK, Classification
from framework_classification.candidates import FineTunedCandidate
from framework_classification.data import ClassificationData
from framework_text import backbones
from framework_text.choosing import choose
from framework_text.options import BackboneAddress, FineTuning

RECIPE = "sentiment"
ENCODER = FineTunedCandidate.name
ALONE = f"candidates=[{ENCODER}]"  # of the candidates that compete; baselines are fitted and judged all the same


@dataclass(frozen=True)
class EncoderFit:
    """A new run of the recipe, of which nothing but its encoder is fitted."""

    run: Run
    data: ClassificationData

    @property
    def task(self) -> Classification:
        options: Classification = self.run.options
        return options

    @property
    def options(self) -> FineTuning:
        """Of the encoder."""
        options: FineTuning = self.run.options_of(self.run.candidates[ENCODER])
        return options

    @cached_property
    def backbone(self) -> BackboneAddress:
        """The recipe's backbone, or the one for texts in other languages."""
        return choose(self.options.backbone, self.data.splits.train.texts("text")).backbone.chosen

    @property
    def test(self) -> Table:
        return self.data.splits.test

    def fit(self, **changes: Any) -> Path:
        """Fits the encoder and returns its fitted folder. changes: fields of `FitContext` to replace."""
        return fit_candidate(self.run, self.run.candidates[ENCODER], self.data, **changes)


@contextmanager
def encoder_fit(folder: Path, *overrides: str) -> Iterator[EncoderFit]:
    """Begins a run in a new folder. Raises InputError for a recipe or rows that cannot be used."""
    config = compose_recipe(RECIPE, [ALONE, *overrides])
    with begin_run(config, RECIPE, folder) as run:
        splits = load_splits(config.data, run.task, config.seed, run.options)
        yield EncoderFit(run, run.task.prepare(splits, run.options))


def tweets(count: int) -> list[str]:
    """A seeded sample of `count` tweets, at most as many as there are, in random order."""
    texts = list(_splits("data.limit_rows=null").train.texts("text"))
    return random.Random(42).sample(texts, min(count, len(texts)))


def _splits(*overrides: str) -> Splits:
    config = compose_recipe(RECIPE, list(overrides))
    return load_splits(config.data, load_plugins().task(TASK), config.seed)


def encoder_options(*overrides: str) -> FineTuning:
    """The recipe's options of the encoder."""
    options: FineTuning = options_for(compose_recipe(RECIPE, [ALONE, *overrides]), FineTunedCandidate())
    return options


def backbone() -> Path:
    """The folder of the packaged weights."""
    return backbones.fetch(encoder_options().backbone.chosen)
