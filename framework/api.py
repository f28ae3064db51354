"""The framework from Python: `run` makes an artifact, `load` answers with one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.runtime.model import Model


def run(recipe: str, *overrides: str, folder: Path | str | None = None) -> Path:
    """Runs a recipe and returns the folder of the run; its ``artifact/`` is what `load` and the server open.

        framework.run("sentiment", "data.train=reviews.csv", "trainer.max_epochs=3")

    folder: where the run goes; by default ``runs/RECIPE/DATE``. Raises FrameworkError.
    """
    from framework.configs import compose_recipe
    from framework.pipeline import run_recipe

    config = compose_recipe(recipe, list(overrides))
    chosen = Path(folder) if folder else Path("runs") / recipe / datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    return run_recipe(config, recipe, chosen)


def load(path: Path | str, variant: str | None = None) -> Model:
    """Opens an artifact, a run or a ``latest`` link for prediction, with onnxruntime alone.

        framework.load("runs/sentiment/latest").predict(["what a lovely flight"])

    variant: "onnx", "onnx_int8" or another that shipped; by default the one the run decided to ship. Raises FrameworkError.
    """
    from framework.runtime.model import load_model

    return load_model(path, variant)
