"""Writes checkpoints whole or not at all, and checks that the disk has room for them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from framework.contracts.candidate import FitContext
from framework.contracts.message import message
from framework.contracts.section import Section
from framework.errors import FrameworkError
from framework.machine.disk import ADVICE, free, megabytes, whole, writing

ONE_FILE = ("auto", "ddp", "single")  # prefixes of the strategies that write a checkpoint as one file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Replaces a checkpoint atomically.

    Lightning writes a checkpoint to the temporary folder and moves it, which between two file systems is a copy: a full disk,
    or a killed process, would leave half a file in place of the last good checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        content, final = io.BytesIO(), Path(path)
        torch.save(checkpoint, content)  # torch hides the cause of an error when it writes to a file
        with writing(final, content.getbuffer().nbytes):
            final.parent.mkdir(parents=True, exist_ok=True)
            with whole(final) as unfinished:
                unfinished.write_bytes(content.getbuffer())


def plugins(strategy: Any, configured: Any) -> Any:
    """The Trainer's argument `plugins`: those of the recipe, and `AtomicCheckpointIO` if nothing else writes checkpoints.

    strategy, configured: the recipe's `trainer.strategy` and `trainer.plugins`. `AtomicCheckpointIO` is left out where the
    recipe has a checkpoint IO, or where the strategy may write a checkpoint as several files.
    """
    listed = configured if isinstance(configured, list) else [configured] if configured else []
    has_own = any(isinstance(plugin, pl.plugins.CheckpointIO) for plugin in listed)
    fits = isinstance(strategy, str) and strategy.startswith(ONE_FILE)
    return [*listed, AtomicCheckpointIO()] if fits and not has_own else configured


def check_room(module: pl.LightningModule, context: FitContext[Any, Any]) -> None:
    """Raises FrameworkError if two copies of the weights do not fit on the disk; warns if the run is likely to fill it.

    The estimate is for AdamW: three checkpoints, since one is written before another is removed, each with the weights and
    two moments of every trained parameter, and four times the weights for the exported files and the trained module.
    """
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    moments = 2 * sum(p.nbytes for p in module.parameters() if p.requires_grad)
    needed, available = 3 * (weights + moments) + 4 * weights, free(context.folder)
    if available < 2 * weights:
        least = f"two checkpoints of this model need at least {megabytes(2 * weights)}"
        raise FrameworkError(
            f"{context.folder}: {megabytes(available)} are free; {least}, the whole run about {megabytes(needed)}; {ADVICE}"
        )
    if available < needed:
        note = message(
            "warning: {left} are free, and this run may need {needed} for checkpoints and files",
            left=megabytes(available),
            needed=megabytes(needed),
        )
        context.show(Section(message("Disk"), note=note))
