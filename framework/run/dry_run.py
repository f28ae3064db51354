"""Inspects a recipe and its data without training, for the verb `check`. May import torch only to check `trainer:`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from omegaconf import DictConfig

from framework.contracts.section import Problem, Section
from framework.data.loading import load_splits
from framework.data.loading import sections as data_sections
from framework.data.problems import leaks
from framework.plugins import load_plugins
from framework.recipe.automatic import section_of
from framework.recipe.candidates import competing, options_for
from framework.recipe.compose import compose_run
from framework.recipe.provenance import DEFAULT, origin_of, origins, values
from framework.recipe.validation import options_of
from framework.report.console import ROWS, as_text, disclosed
from framework.report.privacy import disclosure_of
from framework.run.folder import check_free
from framework.run.load import prepare_data
from framework.run.readiness import check_ready


def inspect_recipe(recipe: str, overrides: Sequence[str]) -> None:
    """Prints each value of the recipe with its origin, the data, problems of the data, and estimates of time and memory.

    recipe: the NAME of ``recipe=NAME``. overrides: KEY=VALUE. Raises InputError for everything that a run would refuse before
    training.
    """
    config, folder = compose_run(recipe, list(overrides))
    check_free(folder)
    task = load_plugins().task(config.task.name)
    disclosure = disclosure_of(config)

    def show(section: Section, rows: int = ROWS) -> None:
        print(as_text(disclosed(section, disclosure), rows) + "\n")

    if (recognised := section_of(config)) is not None:
        show(recognised)
    rows = list(_values_with_origin(config, origins(recipe, overrides)))
    note = (
        "Left out: keys without a value, the Trainer's defaults, what data.train= replaces; --cfg job on a run lists every key."
    )
    show(Section("The recipe", ("key", "value", "from"), rows, note), len(rows))
    options = options_of(config.task, task.options)
    splits = load_splits(config.data, task, config.seed, options)
    data = prepare_data(task, splits, options)
    for section in [*data_sections(splits), *data.sections()]:
        show(section)
    registered = load_plugins().candidates_of(task.name)
    candidates = [registered[name] for name in competing(config)]
    check_ready(config, task, candidates, data)
    inspections = [task.inspect(data, options)]
    inspections += [candidate.inspect(data, options, options_for(config, candidate)) for candidate in candidates]
    for section in [section for inspection in inspections for section in inspection.sections]:
        show(section)
    problems = [problem for inspection in inspections for problem in inspection.problems]
    show(_problems([*leaks(splits, task.canonical), *problems]))


def _problems(problems: Sequence[Problem]) -> Section:
    rows = [(problem.what, problem.remedy) for problem in problems]
    note = "" if rows else "none found, beyond what the data section says was repaired"
    return Section(f"Worth a look ({len(rows)})", ("what", "what can be done"), rows, note)


def _values_with_origin(config: DictConfig, origin_by_key: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(key, value, origin) of every key that the run uses, without the Trainer's arguments that have their defaults.

    origin_by_key: see `origins`.
    """
    for key, value in values(config):
        origin = origin_of(key, origin_by_key)
        if not _is_replaced(config, key) and not (key.startswith("trainer.") and origin == DEFAULT):
            yield key, value.name if isinstance(value, Enum) else str(value), origin


def _is_replaced(config: DictConfig, key: str) -> bool:
    """Whether a key is in a section ``source`` that is not used, because the section around it sets one of its keys, such as
    `data.train`.
    """
    section, source, _ = key.partition(".source.")
    return bool(source) and any(config[section].get(name) is not None for name in config[section].source)
