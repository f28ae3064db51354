"""What a budget changes in a recipe, where the user does not say otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from framework.contracts.task import SplitsItself
from framework.errors import InputError
from framework.plugins import AnyTask
from framework.recipe.overrides import parse
from framework.recipe.schema import DataConfig
from framework.recipe.validation import seconds_of

HELD_OUT = "data.held_out_rows"
A_SECOND = 5.0  # rows that are held out, at most, for each second of a budget
FEWEST = 1000  # rows that are held out, at least, where the share of a split is more


def without_limits(keys: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Overrides that remove the limits of time that `keys` name, except those that the user set."""
    return [f"{key}=null" for key in keys if key not in _keys(overrides)]


def held_out_limit(config: DictConfig, task: AnyTask, overrides: Sequence[str]) -> list[str]:
    """The override that limits the rows held out by the budget, since every candidate and file answers them; empty where there
    is no budget, a sweep over several, or one that `check_recipe` refuses, where the user or the recipe set a limit, and where
    the task splits its rows by itself.

    config: the recipe without the overrides of keys.
    """
    usual = DataConfig.held_out_rows
    if isinstance(task, SplitsItself) or HELD_OUT in _keys(overrides) or config.data.held_out_rows != usual:
        return []
    written = [override for override in map(parse, overrides) if override.key_or_group == "budget"]
    budget = written[-1].value() if written else config.budget
    try:
        seconds = seconds_of(None if budget is None else str(budget))
    except InputError:
        return []
    if seconds is None or usual is None:
        return []
    rows = max(FEWEST, round(A_SECOND * seconds))
    return [f"{HELD_OUT}={rows}"] if rows < usual else []


def _keys(overrides: Sequence[str]) -> set[str]:
    return {override.partition("=")[0] for override in overrides}
