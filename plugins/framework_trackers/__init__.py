"""Trackers: TensorBoard files in the run's folder, Weights & Biases, MLflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Optional

from framework import AS_WRITTEN, NAMES_AS_WRITTEN, Tracker, hookimpl


@dataclass
class TensorBoard:
    """Options of `tracker: tensorboard`, with the names in TensorBoard's EventFileWriter."""

    flush_secs: int = 120
    """Seconds after which logged values are on disk, at most."""


class WandbMode(Enum):
    """Values of `mode` of `wandb.init`."""

    online = "online"
    offline = "offline"
    disabled = "disabled"


@dataclass
class Wandb:
    """Options of `tracker: wandb`, with the names in `wandb.init`. The key comes from `wandb login` or WANDB_API_KEY."""

    project: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: WANDB_PROJECT, or the recipe's name."""
    entity: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    name: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: the name of the run's folder."""
    group: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    job_type: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    tags: list[str] = field(default_factory=list, metadata=NAMES_AS_WRITTEN)
    notes: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    mode: Optional[WandbMode] = None
    """None: WANDB_MODE, or online."""
    log_artifact: bool = True
    """Whether the sealed artifact is uploaded, too; metrics and recipe always are."""


@dataclass
class Mlflow:
    """Options of `tracker: mlflow`, with the names in Lightning's MLFlowLogger. Credentials come from the environment."""

    tracking_uri: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: MLFLOW_TRACKING_URI, or mlflow's default, ./mlflow.db."""
    experiment_name: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: MLFLOW_EXPERIMENT_NAME, or the recipe's name."""
    run_name: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: the name of the run's folder."""
    tags: dict[str, str] = field(default_factory=dict)
    artifact_location: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """None: the default of the server, or ./mlruns."""
    log_artifact: bool = True
    """Whether the sealed artifact is uploaded, too; metrics and recipe always are."""


@hookimpl
def register_trackers(register: Callable[[Tracker], None]) -> None:
    checks = "framework_trackers.validation"
    register(Tracker("tensorboard", "framework_trackers.tensorboard:start", TensorBoard, f"{checks}:tensorboard"))
    register(Tracker("wandb", "framework_trackers.wandb:start", Wandb, f"{checks}:wandb"))
    register(Tracker("mlflow", "framework_trackers.mlflow:start", Mlflow, f"{checks}:mlflow"))
