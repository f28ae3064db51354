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
# keys of the `data:` section that are not about the content of the training file
ELSEWHERE = {field.name for field in fields(DataConfig)} - {*OF_ANY_TASK} | {"source"}


def resolved(written: Sequence[str]) -> list[str]:
    """The overrides, with the recognised recipe in place of ``recipe=auto``, and with budget and run folder unless the user
    sets them; unchanged without ``recipe=auto``.

    Raises InputError where there is no training file, where no task can read the file, and where two tasks are the surest.
    """
    if CHOSEN not in written:
        return list(written)
    recipe = recognise(data_settings(written))[0].recipe
    keys = {override.partition("=")[0] for override in written}
    implied = {"automatic": "true", "budget": BUDGET, "hydra.run.dir": FOLDER}
    rest = [override for override in written if override != CHOSEN]
    return [f"recipe={recipe}", *rest, *(f"{key}={value}" for key, value in implied.items() if key not in keys)]


def data_settings(written: Sequence[str]) -> dict[str, Any]:
    """The keys of the `data:` section that the overrides set for the training file: its address, how it is read, its columns.

    Raises InputError without ``data.train=``.
    """
    settings = dict(_data(written))
    if settings.get("train") is None:
        raise InputError(f"{CHOSEN} needs your rows: write data.train=FILE.csv")
    return settings


def section_of(config: DictConfig) -> Section | None:
    """Says what the training file was taken for and why; None where the user chose the recipe."""
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
