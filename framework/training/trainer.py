"""Trains a LightningModule on the available devices and loads its best weights."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from framework.contracts.candidate import FitContext
from framework.contracts.facts import TrainingFacts
from framework.contracts.message import message
from framework.contracts.section import Section
from framework.errors import InputError, RankFailedError
from framework.machine.cpus import granted_cpus
from framework.machine.interrupts import Stopped
from framework.training import checkpoint_io, checkpoints
from framework.training.logging import TrackerLogger
from framework.training.progress import Progress
from framework.training.records import CHECKPOINTS
from framework.training.schedule import Schedule
from framework.training.validations import Validations

# Strategy of the recipe -> the strategy that replaces it. Lightning's launchers for these strategies start the whole command in
# every rank. A spawned rank only fits, so that judging, export and sealing happen once.
IN_CHILD_PROCESSES = {
    "ddp": "ddp_spawn",
    "ddp_find_unused_parameters_true": "ddp_spawn_find_unused_parameters_true",
    "ddp_find_unused_parameters_false": "ddp_spawn_find_unused_parameters_false",
}
AnyContext = FitContext[Any, Any]
DEFAULTS = {"num_sanity_val_steps": 0, "enable_model_summary": False, "log_every_n_steps": 20}


def train(
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    context: AnyContext,
    *,
    patience: int | None,
    schedule: Schedule | None = None,
    validated: int | None = None,
) -> TrainingFacts:
    """Trains `module` and loads the weights of its best epoch into it, on the CPU, in eval mode.

    The module must log ``val_NAME`` for the metric NAME. patience: validations without a better metric before early stopping;
    None: no early stopping. schedule: ends the training by time; None: only epochs and steps end it. validated: see
    `checkpoints.Best`.

    Logs go to ``context.folder/logs``, the best and the last checkpoint to ``context.folder/checkpoints``. With
    ``context.resume`` the training continues, and a training that had ended is not repeated. Returns facts whose epochs and
    steps are those of the best weights. Raises RankFailedError if a rank of a distributed training fails, KeyboardInterrupt
    when interrupted, Stopped when the user stops the run before the first validation.
    """
    checkpoint_io.check_room(module, context)
    folder = context.folder / CHECKPOINTS
    ended = checkpoints.trained(folder) if context.resume else None
    if ended is None:
        trainer = partial(build_trainer, context, patience, schedule or Schedule(context.folder), validated)
        facts, weights = _train(module, data, context, trainer)
        if weights is not None:
            checkpoints.note_trained(folder, weights, facts)
    else:
        weights, facts = ended
    if weights is not None:
        module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["state_dict"])
    module.to("cpu").float().eval()
    return facts


def _train(
    module: pl.LightningModule, data: pl.LightningDataModule, context: AnyContext, build: Callable[[], pl.Trainer]
) -> tuple[TrainingFacts, Path | None]:
    """Trains; returns the facts, and the checkpoint with the best weights, or None if no checkpoint was kept.

    build: makes the trainer. Without a checkpoint the module has the weights at the end of training.
    """
    module.train()  # transformers hands models over in eval mode, without dropout
    with quiet():
        trainer = build()
        resumed = checkpoints.keep_logged(trainer, context.resume) if context.resume else None
        started = time.perf_counter()
        stopped = _fit(trainer, module, data, context.resume)
        seconds = time.perf_counter() - started
    last = context.folder / CHECKPOINTS / checkpoints.LAST
    weights = Path(getattr(trainer.checkpoint_callback, "best_model_path", "") or last)
    progress = {"epoch": trainer.current_epoch - 1, "global_step": trainer.global_step}
    if weights.is_file():
        progress = torch.load(weights, map_location="cpu", weights_only=True)
    facts = TrainingFacts(
        epochs=progress["epoch"] + 1,
        steps=progress["global_step"],
        seconds=round(seconds, 1),
        precision=str(trainer.precision),
        devices=trainer.num_devices * trainer.num_nodes,
        device=_device(trainer),
        resumed_at_step=resumed,
    )
    if stopped:
        Schedule.of(trainer).cut(facts.steps)
        note = message("stopped by the user: the weights after epoch {epoch} are the best so far", epoch=facts.epochs)
        context.show(Section(message("Training"), note=note))
    return facts, weights if weights.is_file() else None


def build_trainer(context: AnyContext, patience: int | None, schedule: Schedule, validated: int | None) -> pl.Trainer:
    """A Trainer with the recipe's arguments; precision and strategy follow from the hardware unless the recipe sets them.

    patience, schedule, validated: as for `train`. Raises InputError if Lightning refuses the arguments.
    """
    arguments = DEFAULTS | {name: value for name, value in context.trainer.items() if value is not None}
    arguments.setdefault("precision", best_precision(str(arguments.get("accelerator", "auto"))))
    strategy = arguments.get("strategy", "auto")
    if strategy == "auto" and _is_distributed(arguments.get("devices", "auto")):
        strategy = "ddp"
    arguments["strategy"] = IN_CHILD_PROCESSES.get(str(strategy), strategy)
    arguments["plugins"] = checkpoint_io.plugins(arguments["strategy"], arguments.get("plugins"))
    arguments.setdefault("default_root_dir", str(context.folder))
    arguments["logger"] = _loggers(context, arguments.get("logger"))
    of_recipe = _recipe_callbacks(arguments)
    arguments.pop("callbacks", None)
    # the framework's callbacks come first, because Trainer.checkpoint_callback is the first checkpoint callback
    callbacks = [*_callbacks(context, patience, validated, arguments), schedule, *of_recipe]
    return new_trainer(**arguments, callbacks=callbacks, use_distributed_sampler=False)


def _loggers(context: AnyContext, configured: Any) -> Any:
    """The recipe's loggers, by default a CSV log, and the trackers; False, for no logger at all, with ``trainer.logger=false``.

    configured: the recipe's ``trainer.logger``.
    """
    if configured is False:
        return False
    if configured in (None, True):
        configured = CSVLogger(context.folder, name="logs", version="")
        if context.resume is None:  # reading `experiment` deletes an earlier log, which a resumed training needs
            _ = configured.experiment  # within `quiet`, which hides the warning about the folder shared with trackers
    return [*(configured if isinstance(configured, list) else [configured]), *map(TrackerLogger, context.logs)]


def best_precision(accelerator: str) -> str:
    """bf16-mixed if the hardware computes in bfloat16, 16-mixed on older GPUs, otherwise 32-true.

    accelerator: the Trainer's argument.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator in ("auto", "cpu"):
        capabilities = torch.cpu.get_capabilities()
        if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"):
            return "bf16-mixed"
    return "32-true"


def check_trainer(arguments: Mapping[str, Any]) -> None:
    """Raises InputError if Lightning refuses the recipe's arguments, before any fit."""
    if arguments.get("barebones"):
        raise InputError("trainer.barebones=true measures Lightning itself: it neither logs nor keeps checkpoints")
    _recipe_callbacks(arguments)
    plain = {name: value for name, value in arguments.items() if name != "callbacks" and _is_plain(value)}
    with quiet():
        new_trainer(**{**plain, "logger": False, "enable_checkpointing": False})


def _is_plain(value: Any) -> bool:
    """Whether a value of the recipe is a number, a text, or a list or mapping of these, and no other object."""
    parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
    return all(isinstance(part, str | int | float) for part in parts)


def _recipe_callbacks(arguments: Mapping[str, Any]) -> list[Callback]:
    callbacks = arguments.get("callbacks") or []
    if not isinstance(callbacks, list) or not all(isinstance(callback, Callback) for callback in callbacks):
        raise InputError("trainer.callbacks must be a list of {_target_: MODULE.CLASS, ...}, each a Lightning Callback")
    return callbacks


def new_trainer(**arguments: Any) -> pl.Trainer:
    """A `pytorch_lightning.Trainer`. Raises InputError if Lightning refuses the arguments."""
    try:
        return pl.Trainer(**arguments)
    except (MisconfigurationException, ValueError, TypeError, AttributeError, ModuleNotFoundError) as error:
        raise InputError(f"trainer: {error}") from error


class Reproducible(Callback):
    """Seeds torch in every epoch, so that a resumed training has the random numbers of an uninterrupted one.

    It seeds at the first batch of the epoch, because data loaders draw from the same generator, and a resumed trainer builds
    data loaders earlier. It also divides the CPU threads between ranks on one machine.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if trainer.num_devices > 1 and trainer.strategy.root_device.type == "cpu":
            torch.set_num_threads(max(1, granted_cpus() // trainer.num_devices))

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            torch.manual_seed((self.seed * 1000 + trainer.current_epoch) * 1000 + trainer.global_rank)


def _callbacks(
    context: AnyContext, patience: int | None, validated: int | None, arguments: Mapping[str, Any]
) -> list[Callback]:
    monitor, mode = f"val_{context.metric.name}", "max" if context.metric.maximize else "min"
    callbacks: list[Callback] = [Reproducible(context.seed)]
    if arguments.get("enable_progress_bar", True):
        callbacks.append(Progress(context.progress, context.metric))
    if arguments.get("fast_dev_run"):
        return callbacks
    folder, keeps = context.folder / CHECKPOINTS, arguments.get("enable_checkpointing", True)
    validates = arguments.get("limit_val_batches") != 0
    every_epoch = arguments.get("val_check_interval") in (None, 1.0) and arguments.get("check_val_every_n_epoch", 1) == 1
    if validates:
        if patience is not None:
            callbacks.append(checkpoints.Stopping(monitor, mode=mode, patience=patience, check_on_train_epoch_end=False))
        if keeps:
            callbacks.append(checkpoints.Best(folder, validated, monitor=monitor, mode=mode, save_last=every_epoch))
        callbacks.append(Validations(context.folder, monitor, resumed=context.resume is not None))
    if keeps and not (validates and every_epoch):
        callbacks.append(checkpoints.EndOfEpoch(folder))
    return callbacks


def _fit(trainer: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, resume: Path | None) -> bool:
    """Trains. Returns whether the user stopped the training, which then has a best epoch; raises Stopped where it has none."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, data, ckpt_path=str(resume) if resume else None, weights_only=True if resume else None)
    except Stopped:
        if trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(signal.SIGKILL)  # the ranks in other processes
        best = trainer.checkpoint_callback
        if not isinstance(best, checkpoints.Best) or not Path(best.best_model_path or "/").is_file():
            raise
        return True
    except SystemExit as end:
        signal.signal(signal.SIGINT, on_interrupt)  # Lightning ignores SIGINT after the first one
        raise KeyboardInterrupt from end
    except (ProcessRaisedException, ProcessExitedException) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise RankFailedError(f"rank {error.error_index} of the distributed training failed: {lines[-1]}") from error
    return False


def _is_distributed(devices: Any) -> bool:
    """Whether the Trainer's argument `devices` means more than one device."""
    if devices == "auto":
        return torch.cuda.device_count() > 1
    count = len(devices) if isinstance(devices, list) else int(devices) if str(devices).lstrip("-").isdigit() else 0
    return count > 1 or (count == -1 and torch.cuda.device_count() > 1)


def _device(trainer: pl.Trainer) -> str:
    device = trainer.strategy.root_device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


@contextmanager
def quiet() -> Iterator[None]:
    """Hides Lightning's information and its advice on loaders, loggers and step counts; errors and other warnings stay."""
    names = (
        "pytorch_lightning",
        "lightning_fabric",
        "pytorch_lightning.utilities.rank_zero",
        "lightning_fabric.utilities.seed",
    )
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in (".*does not have many workers.*", ".*number of training batches.*", ".*exists and is not empty.*",
                        ".*treespec.*", ".*log_every_n_steps.*", ".*_pytree.*"):  # fmt: skip
            warnings.filterwarnings("ignore", message=message)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
