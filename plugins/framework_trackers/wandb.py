"""Tracks runs with Weights & Biases. Its library reads account, server and offline mode from its settings and environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import wandb
from pytorch_lightning.loggers import WandbLogger

from framework_trackers import Wandb


class WandbRun(WandbLogger):
    """A `TrackedRun` in Weights & Biases."""

    recipe: str
    """The recipe's name, under which the artifact is uploaded."""
    upload: bool
    """Whether the artifact is uploaded."""

    def finalize(self, status: str) -> None:
        super().finalize(status)
        if status == "failed":
            self.experiment.finish(exit_code=1)

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self.experiment.summary.update(dict(metrics))
        if self.upload:
            sealed = wandb.Artifact(self.recipe, type="model")
            sealed.add_dir(str(artifact), policy="immutable")  # saves a copy: a sealed folder does not change
            self.experiment.log_artifact(sealed)
        self.experiment.finish()


def start(options: Wandb, recipe: str, folder: Path) -> WandbRun:
    """Starts a run in Weights & Biases. Raises what wandb raises.

    In offline mode the files of the run are in ``logs/wandb`` of its folder, for ``wandb sync``.
    """
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)  # wandb would write elsewhere if the folder were missing
    experiment = wandb.init(
        dir=logs,
        project=options.project or os.environ.get("WANDB_PROJECT", recipe),
        entity=options.entity,
        name=options.name or f"{folder.parent.name}/{folder.name}",
        group=options.group,
        job_type=options.job_type,
        tags=options.tags or None,
        notes=options.notes,
        mode=options.mode.value if options.mode else None,
    )
    experiment.define_metric("trainer/global_step")  # the step that WandbLogger logs
    experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    run = WandbRun(experiment=experiment)
    run.recipe, run.upload = recipe, options.log_artifact
    return run
