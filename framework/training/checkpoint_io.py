"""Checkpoints that are whole or not there, and the room that they need."""

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

ROOM = ("auto", "ddp", "single")  # strategies, by their beginning, that write a checkpoint as one file


class WholeFiles(TorchCheckpointIO):
    """Lightning writes a checkpoint to the system's temporary folder and moves it from there, which between two file
    systems is a copy: a full disk, or a killed process, leaves half a file in the place of the last good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        written, final = io.BytesIO(), Path(path)
        torch.save(checkpoint, written)  # given a file, torch hides the reason of a failure
        with writing(final, written.getbuffer().nbytes):
            final.parent.mkdir(parents=True, exist_ok=True)
            with whole(final) as unfinished:
                unfinished.write_bytes(written.getbuffer())


def plugins(strategy: Any, given: Any) -> Any:
    """The recipe's `trainer.plugins` with `WholeFiles`, where strategy and recipe leave that open."""
    known = given if isinstance(given, list) else [given] if given else []
    taken = any(isinstance(plugin, pl.plugins.CheckpointIO) for plugin in known)
    fits = isinstance(strategy, str) and strategy.startswith(ROOM)
    return [*known, WholeFiles()] if fits and not taken else given


def check_room(module: pl.LightningModule, context: FitContext[Any, Any]) -> None:
    """Raises FrameworkError when not even weights fit twice; warns when a run with AdamW is likely to fill the disk.

    Three checkpoints exist while one is replaced, each the weights and two moments of what is trained; the exported files
    and the trained module take about four times the weights.
    """
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    moments = 2 * sum(p.nbytes for p in module.parameters() if p.requires_grad)
    needed, left = 3 * (weights + moments) + 4 * weights, free(context.folder)
    if left < 2 * weights:
        least = f"two checkpoints of this model need at least {megabytes(2 * weights)}"
        raise FrameworkError(
            f"{context.folder}: {megabytes(left)} are free; {least}, the whole run about {megabytes(needed)}; {ADVICE}"
        )
    if left < needed:
        note = message(
            "warning: {left} are free, and this run may need {needed} for checkpoints and files",
            left=megabytes(left),
            needed=megabytes(needed),
        )
        context.show(Section(message("Disk"), note=note))
