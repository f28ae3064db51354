"""Checkpoint callbacks, and resuming a training from its newest usable checkpoint."""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from framework.contracts.facts import TrainingFacts
from framework.machine.disk import write_whole
from framework.training.records import CHECKPOINTS, TRAINED

LAST = "last.ckpt"


class Checkpoint(ModelCheckpoint):
    """A `ModelCheckpoint` whose state is valid after the run's folder was moved, and which overwrites a file of the same name.

    It flushes the loggers before a checkpoint is written, so that the logs on disk reach as far as the checkpoint.
    """

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        options |= {"auto_insert_metric_name": False, "enable_version_counter": False}
        super().__init__(folder, name, **options)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        for logger in trainer.loggers:
            logger.save()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def in_folder(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        paths = {name: in_folder(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        best = {in_folder(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


class Best(Checkpoint):
    """Keeps the last epoch that is as good as the best one; without a validation, the weights at the end of training.

    An epoch is as good if its metric is at most one standard error below the highest: the validation rows cannot tell such
    epochs apart, and a later epoch was trained with a lower learning rate.
    """

    def __init__(self, folder: Path, validated: int | None, **options: Any) -> None:
        """validated: number of validation rows, if the metric is a share of rows or a mean of shares; None for other metrics,
        whose standard error is not known: an epoch is kept only if it is better.
        """
        super().__init__(folder, "best-epoch{epoch}", **options, save_on_train_epoch_end=False)
        self.validated = validated
        self.highest: float | None = None

    def check_monitor_top_k(self, trainer: pl.Trainer, current: torch.Tensor | None = None) -> bool:
        if self.validated is None or current is None or not self.best_k_models:
            self.highest = None if current is None else float(current)
            return super().check_monitor_top_k(trainer, current)
        self.highest = max(float(current), self.highest or 0.0)
        error = math.sqrt(max(self.highest * (1 - self.highest), 0.0) / self.validated)
        return bool(trainer.strategy.reduce_boolean_decision(float(current) >= self.highest - error))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.best_model_path:
            trainer.save_checkpoint(Path(str(self.dirpath)) / LAST)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "highest": self.highest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.highest = state_dict["highest"]


class EndOfEpoch(Checkpoint):
    """Keeps the last complete epoch, for trainings that do not validate at the end of each epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, LAST.removesuffix(".ckpt"), save_on_train_epoch_end=True)


class Stopping(EarlyStopping):
    """Early stopping that stops again at once if training resumes from the checkpoint at which it had stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience or self.stopped_epoch > 0


def find(trial: Path, say: Callable[[str], None], *, max_steps: bool) -> Path | None:
    """The checkpoint to resume a trial from: the final weights if training has ended, else the newest usable checkpoint; None:
    there is no checkpoint.

    say: shows a sentence about the choice. max_steps: whether the recipe limits the optimizer steps.
    """
    folder = trial / CHECKPOINTS
    ended = trained(folder)
    if ended is not None and ended[0].is_file() and read(ended[0]) is not None:
        say(f"training had ended; the weights are those of {ended[0].name}")
        return ended[0]
    if ended is not None:
        say(f"{ended[0].name}, the trained weights, is missing or damaged")
        (folder / TRAINED).unlink()
    checkpoint = newest(folder, say, max_steps=max_steps)
    from_start = "no checkpoint to go on from: the model is fitted from the start"
    say(f"training goes on from {checkpoint.name}" if checkpoint else from_start)
    return checkpoint


def newest(folder: Path, say: Callable[[str], None], *, max_steps: bool = False) -> Path | None:
    """The newest undamaged checkpoint from which training resumes exactly; None: there is none. say, max_steps: as for `find`.

    A checkpoint within an epoch is not usable, because its batches and random numbers cannot be restored. With a limit of
    steps, Lightning resumes correctly from a checkpoint of the validation at the end of an epoch, but not from a later one.
    """
    usable: list[tuple[int, bool, Path]] = []
    for path in sorted(folder.glob("*.ckpt")):
        state = read(path)
        if state is None:
            say(f"{path.name} is damaged and was not used")
            continue
        loop = state["loops"]["fit_loop"]
        epochs = loop["epoch_progress"]["current"]
        if loop["epoch_loop.batch_progress"]["is_last_batch"] and not (max_steps and epochs["processed"] == epochs["ready"]):
            usable.append((state["global_step"], path.name == LAST, path))
    return max(usable)[-1] if usable else None


def read(path: Path) -> dict[str, Any] | None:
    """A checkpoint's content; None if the file is damaged: checkpoints are zip files with checksums."""
    try:
        with zipfile.ZipFile(path) as parts:
            if parts.testzip() is not None:
                return None
    except (zipfile.BadZipFile, EOFError):
        return None
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def note_trained(folder: Path, weights: Path, facts: TrainingFacts) -> None:
    """Records that training has ended with the checkpoint `weights`, and removes best checkpoints of interrupted trainings."""
    write_whole(folder / TRAINED, json.dumps({"weights": weights.name, "facts": asdict(facts)}, indent=1))
    for path in folder.glob("best-epoch*.ckpt"):
        if LAST != weights.name != path.name:
            path.unlink()


def trained(folder: Path) -> tuple[Path, TrainingFacts] | None:
    """The checkpoint with the final weights, and the facts of the training; None if training has not ended."""
    path = folder / TRAINED
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return folder / record["weights"], TrainingFacts(**record["facts"])


def keep_logged(trainer: pl.Trainer, checkpoint: Path) -> int:
    """Restores the rows of the CSV log before the checkpoint, which CSVLogger would delete. Returns the checkpoint's step."""
    step: int = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"]
    for logger in trainer.loggers:
        path = Path(logger.log_dir or "") / "metrics.csv"
        if isinstance(logger, CSVLogger) and path.is_file():
            with path.open(encoding="utf-8", newline="") as stream:
                rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(stream)]
            logger.experiment.metrics += [row for row in rows if int(row["step"]) < step]
            logger.save()
    return step
