"""The default verb: composes a recipe with Hydra and runs it, once or for every job of a sweep."""

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


def main(given: list[str]) -> int:
    """Raises InputError with everything wrong on the command line, before anything heavy is imported."""
    say_broken()
    flags, overrides = for_hydra(given)
    sweeps = bool({"-m", "--multirun"} & set(flags))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of ending the process with code 1
    runs = [for_compose(recipe, sweeps=sweeps) for recipe in one_recipe_each(overrides)]
    say_broken()
    for arguments in runs:
        sys.argv = [sys.argv[0], *flags, *arguments]
        _failures.clear()
        try:
            _run()
        except (HydraException, OmegaConfBaseException) as error:
            raise InputError(explain(error)) from error
        for failure in _failures:
            raise failure
    return 0


_said: list[Broken] = []


def say_broken() -> None:
    """Warns of each plugin, or part of one, that cannot be used and was not named before."""
    for plugin in load_plugins().broken:
        if plugin not in _said:
            print(f"warning: {plugin}; the rest goes on", file=sys.stderr)
            _said.append(plugin)


_failures: list[BaseException] = []  # Hydra prints its own lines over an error that passes through it


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
            Path(settings.runtime.output_dir).rmdir()  # a recipe refused at once leaves nothing
        if settings.mode == RunMode.MULTIRUN:
            raise  # a sweep stops here, and Hydra names the job
