"""The framework from Python: `run_recipe` makes an artifact, `load` opens one for prediction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.runtime.model import Model


def run_recipe(recipe: str, *overrides: str, folder: Path | str | None = None) -> Path:
    """Runs a recipe and returns the folder of the run; its ``artifact/`` is what `load` and the server open.

        framework.run_recipe("sentiment", "data.train=reviews.csv", "trainer.max_epochs=3")

    overrides: KEY=VALUE as on the command line, for one run; names need no quotes. folder: the run's folder; by default that of
    the override ``hydra.run.dir=``, else ``runs/RECIPE/DATE``. Raises InputError for a wrong recipe, override or file of data,
    and other FrameworkErrors where the run fails.

    In the main thread, unless the program handles SIGINT itself, the first Ctrl-C ends the run early: with KeyboardInterrupt
    where nothing could ship, else with an artifact of the best candidate fitted so far, and the call returns. A second one
    raises KeyboardInterrupt. In other threads signals stay as they are.
    """
    from hydra.core.hydra_config import HydraConfig

    from framework.errors import InputError
    from framework.recipe.compose import compose_run
    from framework.run.pipeline import start

    of_hydra = [override for override in overrides if override.lstrip("+~").startswith("hydra")]
    wrong = [override for override in of_hydra if folder or override.partition("=")[0] != "hydra.run.dir"]
    if wrong:
        raise InputError(
            *(f"{override} is for the command line: write folder=PATH to say where a run goes" for override in wrong)
        )
    config, default_folder = compose_run(recipe, list(overrides))
    return start(config, HydraConfig.get().runtime.choices["recipe"], Path(folder or default_folder))


def auto(train: Path | str, *overrides: str, budget: str = "10m", folder: Path | str | None = None) -> Path:
    """Finds the task of a file of labelled rows, runs the recipe of that task within the budget, and returns the run's folder.

        framework.auto("tickets.csv", budget="4m")

    train: address of the file. budget: wall clock of the whole run. overrides, folder: see `run_recipe`. Raises InputError
    where no task can read the file and where two tasks are the surest, and the errors of `run_recipe`.
    """
    return run_recipe("auto", f"data.train={train}", f"budget={budget}", *overrides, folder=folder)


def load(path: Path | str, variant: str | None = None) -> Model:
    """Opens an artifact, a run or a ``latest`` link for prediction, with onnxruntime alone.

        framework.load("runs/sentiment/latest").predict(["what a lovely flight"])

    variant: "onnx", "onnx_int8" or another that shipped; by default the artifact's default variant. Raises FrameworkError
    for an artifact that is missing or damaged, and for an unknown variant.
    """
    from framework.runtime.model import load_model

    return load_model(path, variant)
