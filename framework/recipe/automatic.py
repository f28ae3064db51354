"""``recipe=auto``: the recipe of the task that the training file is for, within a stated time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig

from framework.contracts.data.format import Quote
from framework.contracts.section import Section
from framework.errors import InputError
from framework.recipe.literal import as_written
from framework.recipe.overrides import parse
from framework.recipe.recognition import OF_ANY_TASK, recognise
from framework.recipe.schema import DataConfig

AUTO = "auto"
ABOUT = "What a file can teach, found out from the file: the task, who solves it best, in ten minutes or budget=TIME."
BUDGET = "10m"
FOLDER = "runs/auto/${now:%Y-%m-%dT%H-%M-%S}"
CHOSEN = f"recipe={AUTO}"
# keys of `data:` that say nothing of what stands in the training file
ELSEWHERE = {field.name for field in fields(DataConfig)} - {*OF_ANY_TASK} | {"source"}


def resolved(written: Sequence[str]) -> list[str]:
    """The overrides with the recipe that ``recipe=auto`` stands for, and what it sets where a person does not.

    Raises InputError where there is no training file, and where no task or several could read it.
    """
    if CHOSEN not in written:
        return list(written)
    recipe = recognise(data_settings(written))[0].recipe
    keys = {override.partition("=")[0] for override in written}
    implied = {"automatic": "true", "budget": BUDGET, "hydra.run.dir": FOLDER}
    rest = [override for override in written if override != CHOSEN]
    return [f"recipe={recipe}", *rest, *(f"{key}={value}" for key, value in implied.items() if key not in keys)]


def data_settings(written: Sequence[str]) -> dict[str, Any]:
    """What the overrides say of the training file: ``data.train=``, how it is read, and which columns are meant."""
    settings = dict(_data(written))
    if settings.get("train") is None:
        raise InputError(f"{CHOSEN} needs your rows: write data.train=FILE.csv")
    return settings


def section_of(config: DictConfig) -> Section | None:
    """What the training file was taken for and why, for people; None where a person chose the recipe."""
    if not config.automatic:
        return None
    settings = {str(key): value for key, value in config.data.items() if key not in ELSEWHERE and value is not None}
    first, *others = recognise(settings)
    return first.section(others)


def _data(written: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for override in map(parse, as_written([one for one in written if one.startswith("data.")])):
        key, value = override.key_or_group.partition(".")[2], override.value()
        if key not in ELSEWHERE and value is not None:
            yield key, Quote(value) if key == "quote" else value
