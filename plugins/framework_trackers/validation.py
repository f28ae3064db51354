"""Looks for problems of trackers when a recipe is composed: a library that is not installed, a password in the recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from framework_trackers import Mlflow, TensorBoard, Wandb


def tensorboard(options: TensorBoard) -> Iterator[str]:
    yield from _missing("tensorboard", "tensorboard", "train")


def wandb(options: Wandb) -> Iterator[str]:
    yield from _missing("wandb", "wandb", "wandb")


def mlflow(options: Mlflow) -> Iterator[str]:
    yield from _missing("mlflow", "mlflow", "mlflow")
    uri = options.tracking_uri
    if uri and urlsplit(uri).password:
        yield (
            "tracker.mlflow.tracking_uri holds a password, and a recipe is written to logs and artifacts: put the address "
            "into MLFLOW_TRACKING_URI, or the password into MLFLOW_TRACKING_PASSWORD"
        )
    elif (uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:").startswith("sqlite:"):
        yield from _missing("mlflow in a local database", "sqlalchemy", "mlflow")


def _missing(tracker: str, module: str, extra: str) -> Iterator[str]:
    if find_spec(module) is None:
        yield f"tracker={tracker} needs {module}, which is not installed: pip install 'recipe-framework[{extra}]'"
