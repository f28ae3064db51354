"""The share of a training that is done, by steps or by time, which the learning rate follows."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from framework.machine.disk import write_whole
from framework.training.records import SCHEDULE


class Schedule(Callback):
    """The share of a training that is done, from 0 to 1: the larger one of the shares of its steps and of its time.

    A learning rate that is a function of this share reaches its end when the time is up, whatever the speed of the machine, or
    after the last step if the time suffices. The time includes a last validation. Checkpoints hold the shares and the seconds
    used, so that a resumed training continues with the remaining time. With several processes the first one sets the share.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float | None = None,
        *,
        spent: float = 0.0,
        validation: float = 0.0,
        replay: Sequence[float] = (),
    ) -> None:
        """folder: where schedule.json is written. seconds: limit, `spent` included; None: only steps count. spent: seconds used
        before the training.

        validation: expected seconds of a validation; replaced when one was measured. replay: shares of an earlier training, by
        step, see `read_shares`; they replace steps and time while there are any left.
        """
        self.folder = folder
        self.seconds = seconds
        self.shares = list(replay)
        self._replays = bool(replay)
        self._spent, self._validation = spent, validation
        self._started: float | None = None
        self._validating: float | None = None
        self._trainer: pl.Trainer | None = None
        self._steps = 0.0

    @staticmethod
    def of(trainer: pl.Trainer) -> Schedule:
        """The schedule of a trainer that `framework.train` built."""
        return next(callback for callback in trainer.callbacks if isinstance(callback, Schedule))  # type: ignore[attr-defined]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._trainer = trainer

    def at(self, step: int) -> float:
        """The share of the training that is done after `step` optimizer steps."""
        while len(self.shares) <= step:
            self.shares.append(self._share(len(self.shares)))
        return self.shares[step]

    def _share(self, step: int) -> float:
        trainer = self._trainer
        assert trainer is not None, "the trainer has this callback"
        self._steps = self._steps or float(trainer.estimated_stepping_batches)
        done = step / max(self._steps, 1.0)
        if self.seconds is not None and self._started is not None:
            done = max(done, self.elapsed() / max(self.seconds - self._validation, 1e-3))
        done = min(1.0, max(done, self.shares[-1] if self.shares else 0.0))
        return float(trainer.strategy.broadcast(done)) if trainer.world_size > 1 else done

    def elapsed(self) -> float:
        """Seconds used so far, those before the training, or before it was resumed, included."""
        return self._spent + (time.perf_counter() - self._started if self._started is not None else 0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validating = time.perf_counter()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if self._validating is not None:  # measured up to the next batch, so that writing the checkpoint is included
            self._validation, self._validating = time.perf_counter() - self._validating, None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.ends and self.at(trainer.global_step) >= 1.0:
            trainer.should_stop = True

    @property
    def ends(self) -> bool:
        """Whether this schedule ends the training; otherwise only `max_epochs` or `max_steps` of the trainer does."""
        return self.seconds is not None or self._replays

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            write_whole(self.folder / SCHEDULE, json.dumps(self.shares))

    def cut(self, steps: int) -> None:
        """Writes the schedule of a training that was stopped as if it had ended after `steps` optimizer steps."""
        self.shares = [*self.shares[:steps], 1.0]
        write_whole(self.folder / SCHEDULE, json.dumps(self.shares))

    def state_dict(self) -> dict[str, Any]:
        return {"shares": list(self.shares), "spent": self.elapsed(), "validation": self._validation}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not self._replays:
            self.shares = list(state_dict["shares"])
        self._spent, self._validation = state_dict["spent"], state_dict["validation"]
