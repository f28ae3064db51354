"""How fast a module learns on the machine at hand, measured before it does."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch

from framework.contracts.candidate import FitContext
from framework.training.trainer import best_precision, new_trainer, quiet

TURNS, LONG = 3, 4.0  # of each batch at most; seconds after which there is no further turn


def rows_per_second(
    module: pl.LightningModule, batches: Sequence[Mapping[str, torch.Tensor]], context: FitContext[Any, Any]
) -> float:
    """How many rows a second a training step takes on the recipe's devices together. Nothing is learned from the batches.

    The first batch warms up. Each of the others counts with the fastest of its turns, of which slow models have one, so that
    a moment in which other programs keep the machine busy does not decide. A step computes the loss, its gradients and an
    update of size zero.
    """
    plain = {name: value for name, value in context.trainer.items() if name in ("accelerator", "devices", "precision")}
    given = {name: value for name, value in plain.items() if value is not None}
    given.setdefault("precision", best_precision(str(given.get("accelerator", "auto"))))
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*self.log.*trainer.*reference.*")
        trainer = new_trainer(**given, logger=False, enable_checkpointing=False, enable_progress_bar=False)
        device = trainer.strategy.root_device
        module.to(device).train()
        optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=0.0, weight_decay=0.0, fused=True)

        def step(number: int) -> float:
            """Seconds it took."""
            started = _now(device)
            here = {name: value.to(device) for name, value in batches[number].items()}
            with trainer.precision_plugin.forward_context():
                loss = module.training_step(here, number)
            assert isinstance(loss, torch.Tensor), "training_step returns the loss"
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return _now(device) - started

        step(0)
        counted = range(min(1, len(batches) - 1), len(batches))
        started, turns = _now(device), [[step(number) for number in counted]]
        while len(turns) < TURNS and _now(device) - started < LONG:
            turns.append([step(number) for number in counted])
    module.to("cpu")
    rows = sum(len(next(iter(batches[number].values()))) for number in counted)
    fastest = [min(seconds) for seconds in zip(*turns, strict=True)]
    return float(rows * trainer.num_devices / max(sum(fastest), 1e-9))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
