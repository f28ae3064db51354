"""Event files in the run's folder: ``tensorboard --logdir runs``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger

from framework_trackers import TensorBoard


class TensorBoardRun(TensorBoardLogger):
    """Training metrics under SCALARS, the recipe and where the artifact is under TEXT, both with the results under HPARAMS."""

    folder: Path

    def log_hyperparams(self, params: Any, metrics: dict[str, Any] | None = None, step: int | None = None) -> None:
        super().log_hyperparams(params, metrics, step)
        self.experiment.add_text("recipe", _code((self.folder / "config.yaml").read_text(encoding="utf-8")))

    def finalize(self, status: str) -> None:
        if self._experiment is not None:
            self._experiment.flush()  # closed when the training has ended, it would go on in a second file

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self.log_hyperparams(self.hparams, dict(metrics), step=0)
        files = [f"{path.stat().st_size:>14,}  {path}" for path in sorted(artifact.rglob("*")) if path.is_file()]
        self.experiment.add_text("artifact", _code("\n".join(files)))
        super().finalize("success")


def start(options: TensorBoard, recipe: str, folder: Path) -> TensorBoardRun:
    threading.excepthook = partial(_said_elsewhere, threading.excepthook)
    run = TensorBoardRun(folder, "logs", "tensorboard", default_hp_metric=False, flush_secs=options.flush_secs)
    run.folder = folder
    return run


def _said_elsewhere(before: Callable[[threading.ExceptHookArgs], object], args: threading.ExceptHookArgs) -> None:
    """TensorBoard's writing thread keeps its error and raises it again at the next call, where it is a warning."""
    if not type(args.thread).__module__.startswith("tensorboard."):
        before(args)


def _code(text: str) -> str:
    """As TensorBoard's Markdown shows it unchanged."""
    return "\n".join(f"    {line}" for line in text.splitlines())
