"""Measures the speed of training steps on this machine before training."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch

from framework.contracts.candidate import FitContext
from framework.training.trainer import best_precision, new_trainer, quiet

REPEATS, LONG = 3, 4.0  # repeats of each batch, at most; seconds after which no further repeat starts
SHARE = 0.005  # of the remaining budget, after which none starts either


def rows_per_second(
    module: pl.LightningModule, batches: Sequence[Mapping[str, torch.Tensor]], context: FitContext[Any, Any]
) -> float:
    """Rows per second of training steps, summed over the recipe's devices. The weights do not change.

    A step computes the loss, its gradients, and an AdamW update with learning rate zero. The first batch warms up; every other
    batch counts with the fastest of its repeats, so that short load of other programs has no effect. A slow module
    runs each batch once, and so does any where the budget is short.

    batches: arguments of `training_step`, each with tensors whose first axis is rows. Raises InputError if Lightning refuses
    the recipe's devices. Leaves the module on the CPU.
    """
    device_arguments = ("accelerator", "devices", "precision")
    arguments = {name: context.trainer[name] for name in device_arguments if context.trainer.get(name) is not None}
    arguments.setdefault("precision", best_precision(str(arguments.get("accelerator", "auto"))))
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*self.log.*trainer.*reference.*")
        trainer = new_trainer(**arguments, logger=False, enable_checkpointing=False, enable_progress_bar=False)
        device = trainer.strategy.root_device
        module.to(device).train()
        optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=0.0, weight_decay=0.0, fused=True)

        def step(number: int) -> float:
            """The seconds of one step."""
            started = _now(device)
            batch = {name: value.to(device) for name, value in batches[number].items()}
            with trainer.precision_plugin.forward_context():
                loss = module.training_step(batch, number)
            assert isinstance(loss, torch.Tensor), "training_step returns the loss"
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return _now(device) - started

        step(0)
        counted = range(min(1, len(batches) - 1), len(batches))
        limit = min(LONG, SHARE * context.budget.remaining())
        started, repeats = _now(device), [[step(number) for number in counted]]
        while len(repeats) < REPEATS and _now(device) - started < limit:
            repeats.append([step(number) for number in counted])
    module.to("cpu")
    rows = sum(len(next(iter(batches[number].values()))) for number in counted)
    fastest = [min(seconds) for seconds in zip(*repeats, strict=True)]
    return float(rows * trainer.num_devices / max(sum(fastest), 1e-9))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
