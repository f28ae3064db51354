"""Tracks runs with MLflow, on a server or in a database on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
from pytorch_lightning.loggers import MLFlowLogger

from framework_trackers import Mlflow


class MlflowRun(MLFlowLogger):
    """A `TrackedRun` in MLflow."""

    folder: Path
    """The run's folder."""
    upload: bool
    """Whether the artifact is uploaded."""

    def log_hyperparams(self, params: Any) -> None:
        super().log_hyperparams(params)
        self.experiment.log_artifact(self.run_id, str(self.folder / "config.yaml"))

    def finalize(self, status: str = "success") -> None:
        if status == "failed":  # after a successful training the run goes on
            super().finalize(status)

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self.log_metrics(metrics)
        if self.upload:
            self.experiment.log_artifacts(self.run_id, str(artifact), "artifact")
        super().finalize("success")


def start(options: Mlflow, recipe: str, folder: Path) -> MlflowRun:
    """Starts a run in MLflow. Raises what MLflow raises."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # a silent server delays by seconds, not minutes
    run = MlflowRun(
        experiment_name=options.experiment_name or os.environ.get("MLFLOW_EXPERIMENT_NAME", recipe),
        run_name=options.run_name or f"{folder.parent.name}/{folder.name}",
        tracking_uri=options.tracking_uri or mlflow.get_tracking_uri(),
        tags=dict(options.tags),
        artifact_location=options.artifact_location,
    )
    run.folder, run.upload = folder, options.log_artifact
    return run
