"""What a run would do, found out without training; torch is imported only where the recipe's `trainer:` section needs it."""

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
from framework.run.load import understood
from framework.run.readiness import check_ready


def inspect_recipe(recipe: str, overrides: Sequence[str]) -> None:
    """Prints the recipe and its origins, the data as the task sees it, problems, and an estimate. Raises InputError."""
    config, folder = compose_run(recipe, list(overrides))
    check_free(folder)
    task = load_plugins().task(config.task.name)
    disclosure = disclosure_of(config)

    def show(section: Section, rows: int = ROWS) -> None:
        print(as_text(disclosed(section, disclosure), rows) + "\n")

    if (recognised := section_of(config)) is not None:
        show(recognised)
    rows = [(key, value, origin) for key, value, origin in _recipe(config, origins(recipe, overrides))]
    note = (
        "Left out: keys without a value, the Trainer's defaults, what data.train= replaces; --cfg job on a run lists every key."
    )
    show(Section("The recipe", ("key", "value", "from"), rows, note), len(rows))
    options = options_of(config.task, task.options)
    splits = load_splits(config.data, task, config.seed, options)
    data = understood(task, splits, options)
    for section in [*data_sections(splits), *data.sections()]:
        show(section)
    registered = load_plugins().candidates_of(task.name)
    candidates = [registered[name] for name in competing(config)]
    check_ready(config, task, candidates, data)
    inspections = [task.inspect(data, options), *(one.inspect(data, options, options_for(config, one)) for one in candidates)]
    for section in [section for inspection in inspections for section in inspection.sections]:
        show(section)
    show(_problems([*leaks(splits, task.canonical), *(one for inspection in inspections for one in inspection.problems)]))


def _problems(problems: Sequence[Problem]) -> Section:
    rows = [(problem.what, problem.remedy) for problem in problems]
    note = "" if rows else "none found, beyond what the data section says was repaired"
    return Section(f"Worth a look ({len(rows)})", ("what", "what can be done"), rows, note)


def _recipe(config: DictConfig, known: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Key, value and origin of what a reader of a recipe cares about."""
    for key, value in values(config):
        origin = origin_of(key, known)
        if not _replaced(config, key) and not (key.startswith("trainer.") and origin == DEFAULT):
            yield key, value.name if isinstance(value, Enum) else str(value), origin


def _replaced(config: DictConfig, key: str) -> bool:
    """Whether the section names a source of its own, so that the one it came with is not used."""
    section, source, _ = key.partition(".source.")
    return bool(source) and any(config[section].get(name) is not None for name in config[section].source)
