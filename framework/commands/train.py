"""Without a verb: composes a recipe with Hydra and runs it, once or for every job of a sweep."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from framework.errors import InputError
from framework.plugins import Broken, load_plugins
from framework.recipe.candidates import remove_other_candidates
from framework.recipe.compose import CONFIG_PATH, explain, for_compose, for_hydra, one_recipe_each
from framework.recipe.validation import check_recipe


def main(arguments: list[str]) -> int:
    """Runs the recipe, or each recipe of a sweep, and returns the exit code.

    arguments: flags of Hydra and overrides. Raises InputError with the problems of the command line, and any error of a run.
    """
    warn_of_broken()
    flags, overrides = for_hydra(arguments)
    sweeps = bool({"-m", "--multirun"} & set(flags))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of ending the process with code 1
    runs = [for_compose(recipe, sweeps=sweeps) for recipe in one_recipe_each(overrides)]
    warn_of_broken()
    for of_run in runs:
        sys.argv = [sys.argv[0], *flags, *of_run]
        _failures.clear()
        try:
            _run()
        except (HydraException, OmegaConfBaseException) as error:
            raise InputError(explain(error)) from error
        for failure in _failures:
            raise failure
    return 0


_warned: list[Broken] = []


def warn_of_broken() -> None:
    """Prints a warning for each plugin, or part of one, that cannot be used; each warning once in a process."""
    for plugin in load_plugins().broken:
        if plugin not in _warned:
            print(f"warning: {plugin}; the rest goes on", file=sys.stderr)
            _warned.append(plugin)


_failures: list[BaseException] = []  # errors of runs, hidden from Hydra, which would print lines of its own


@hydra.main(config_path=CONFIG_PATH, config_name="config", version_base="1.3")
def _run(config: DictConfig) -> None:
    settings = HydraConfig.get()
    try:
        remove_other_candidates(config)
        check_recipe(config)
        from framework.run.pipeline import start

        start(config, settings.runtime.choices["recipe"], Path(settings.runtime.output_dir))
    except Exception as error:
        _failures.append(error)
        with suppress(OSError):
            Path(settings.runtime.output_dir).rmdir()  # fails unless the folder is empty, as it is where the recipe was refused
        if settings.mode == RunMode.MULTIRUN:
            raise  # stops the sweep, and Hydra names the job
