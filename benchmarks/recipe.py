"""The sentiment recipe's rows and backbone, as the framework finds them."""

from __future__ import annotations

import random
from pathlib import Path

from omegaconf import DictConfig

from framework import Splits, Task
from framework.data.loading import load_splits
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from framework.recipe.validation import options_of
from framework_text import backbones
from framework_text.options import FineTuning


def sentiment(*overrides: str) -> tuple[DictConfig, Task, Splits]:
    """The composed recipe, its task, and its splits."""
    config = compose_recipe("sentiment", list(overrides))
    task = load_plugins().task(config.task.name)
    return config, task, load_splits(config.data, task, config.seed)


def tweets(count: int) -> list[str]:
    """A seeded sample of `count` tweets, at most as many as there are, in random order."""
    _, _, splits = sentiment("data.limit_rows=null")
    texts = list(splits.train.texts("text"))
    return random.Random(42).sample(texts, min(count, len(texts)))


def model_options(*overrides: str) -> FineTuning:
    """The `model:` section, checked as a run checks it."""
    options: FineTuning = options_of(compose_recipe("sentiment", list(overrides)).model, FineTuning)
    return options


def backbone() -> Path:
    """The folder of the packaged weights."""
    return backbones.fetch(model_options().backbone)
