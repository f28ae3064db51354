"""The framework from Python: `run_recipe` makes an artifact, `load` answers with one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.runtime.model import Model


def run_recipe(recipe: str, *overrides: str, folder: Path | str | None = None) -> Path:
    """Runs a recipe and returns the folder of the run; its ``artifact/`` is what `load` and the server open.

        framework.run_recipe("sentiment", "data.train=reviews.csv", "trainer.max_epochs=3")

    overrides: KEY=VALUE as on the command line, for one run; names need no quotes. folder: where the run goes; by default
    ``runs/RECIPE/DATE``, or what ``hydra.run.dir=`` says. Raises FrameworkError.
    """
    from hydra.core.hydra_config import HydraConfig

    from framework.errors import InputError
    from framework.recipe.compose import compose_run
    from framework.run.pipeline import start

    elsewhere = [override for override in overrides if override.lstrip("+~").startswith("hydra")]
    wrong = [override for override in elsewhere if folder or override.partition("=")[0] != "hydra.run.dir"]
    if wrong:
        raise InputError(
            *(f"{override} is for the command line: write folder=PATH to say where a run goes" for override in wrong)
        )
    config, chosen = compose_run(recipe, list(overrides))
    return start(config, HydraConfig.get().runtime.choices["recipe"], Path(folder or chosen))


def auto(train: Path | str, *overrides: str, budget: str = "10m", folder: Path | str | None = None) -> Path:
    """What a file of labelled rows can teach: the task is found from the file, candidates compete within the time.

        framework.auto("tickets.csv", budget="4m")

    budget: of the whole run. overrides and folder: see `run_recipe`. Returns the folder of the run. Raises InputError for a
    file that no task reads, or that several could.
    """
    return run_recipe("auto", f"data.train={train}", f"budget={budget}", *overrides, folder=folder)


def load(path: Path | str, variant: str | None = None) -> Model:
    """Opens an artifact, a run or a ``latest`` link for prediction, with onnxruntime alone.

        framework.load("runs/sentiment/latest").predict(["what a lovely flight"])

    variant: "onnx", "onnx_int8" or another that shipped; by default the one the run decided to ship. Raises FrameworkError.
    """
    from framework.runtime.model import load_model

    return load_model(path, variant)
