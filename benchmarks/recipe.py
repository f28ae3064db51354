"""The sentiment recipe's rows, as the framework reads, cleans and splits them."""

from __future__ import annotations

import random

from omegaconf import DictConfig

from framework import Splits, Task
from framework.configs import compose_recipe
from framework.data.loading import load_splits
from framework.plugins import load_plugins


def sentiment(*overrides: str) -> tuple[DictConfig, Task, Splits]:
    """The composed recipe, its task, and its splits."""
    config = compose_recipe("sentiment", list(overrides))
    task = load_plugins().task(config.task.name)
    return config, task, load_splits(config.data, task, config.seed)


def tweets(count: int) -> list[str]:
    """A seeded sample of `count` tweets, at most as many as there are, in random order."""
    _, _, splits = sentiment("data.limit_rows=null")
    texts = list(splits.train.columns["text"])
    return random.Random(42).sample(texts, min(count, len(texts)))
