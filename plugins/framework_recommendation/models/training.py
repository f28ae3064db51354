"""Trains networks with Lightning, and validates them by NDCG@10 over all items."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from framework import FitContext, LengthBucketSampler, message, train
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.ranking import CELLS, ndcg, validation_users
from framework_recommendation.models.rows import padded
from framework_recommendation.models.trained import Rebuildable, SideInformation, Trained
from framework_recommendation.options import NetworkOptions
from framework_recommendation.readiness import check_learnable

Batch = dict[str, torch.Tensor]
EPOCHS = 1000  # epochs, at most, where the recipe sets no number
LEAST = 1.0  # seconds of training, at least, even where the budget is used up
DECAY = 0.98  # share of the averaged weights that a step keeps: they average about the last 50 steps


class Network(Rebuildable):
    """A network of an algorithm. Its `forward` is exported: see `Trained.network`."""

    trains_in_order = False
    """Whether batches hold histories of similar length, which saves padding; otherwise they are shuffled."""

    def matrix(self) -> torch.Tensor:
        """The item vectors: (catalogue + 1, dimensions), row 0 zeros."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> torch.Tensor:
        """The loss of a batch: history (batch, length), attributes (batch, fields), both int64."""
        raise NotImplementedError


class Training(pl.LightningModule):
    """Logs train_loss, and as val_METRIC the NDCG@10 over all items outside the user's history.

    Validation and the result use weights averaged over steps: with few users, the weights of single steps rank much worse.
    """

    def __init__(self, network: Network, held_out: HeldOutUsers, options: NetworkOptions, metric: str) -> None:
        super().__init__()
        self.network, self.options, self.metric = network, options, metric
        self.averaged = deepcopy(network).requires_grad_(False)
        self._held_out, self._items = held_out, torch.empty(0)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        loss = self.network.loss(batch)
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["history"]))
        return loss

    @torch.no_grad()
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        steps = self.trainer.global_step
        share = 1 - min(DECAY, (1 + steps) / (10 + steps))  # the first weights are soon forgotten
        for mean, value in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, share)

    def on_validation_epoch_start(self) -> None:
        self._items = self.averaged.matrix().float()

    def validation_step(self, batch: Batch, index: int) -> None:
        part = self._held_out.take(batch["users"].cpu().numpy())
        with torch.autocast(self.device.type, enabled=False):  # bfloat16 would make ties of close scores
            scores = self.averaged(batch["history"], batch["attributes"]).float() @ self._items.T
        value = float(ndcg(scores, part.history, part.relevant).mean())
        self.log(f"val_{self.metric}", value, prog_bar=True, batch_size=part.history.users, on_epoch=True, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        self._items = torch.empty(0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        fused = self.trainer.precision != "16-mixed"  # fp16's gradient scaler cannot clip for a fused optimizer
        rate, decay = self.options.learning_rate, self.options.weight_decay
        return torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=decay, fused=fused)


class Histories(pl.LightningDataModule):
    """Batches of padded histories, sliced from the arrays on demand.

    Of a history that is too long, half of the time the newest part is trained on, otherwise a random part.
    """

    def __init__(
        self,
        rows: Interactions,
        held_out: HeldOutUsers,
        side: SideInformation,
        options: NetworkOptions,
        seed: int,
        *,
        shuffled: bool,
    ) -> None:
        super().__init__()
        self.rows, self.held_out, self.side, self.options, self.seed, self.shuffled = (
            rows,
            held_out,
            side,
            options,
            seed,
            shuffled,
        )
        self.learners = np.flatnonzero(rows.lengths() > 1)  # a single item cannot be both input and target

    def train_dataloader(self) -> Any:
        window = self.options.max_history + 1  # what is read, and one more to predict
        lengths = np.minimum(self.rows.lengths()[self.learners], window)
        sampler = self._sampler(np.zeros_like(lengths) if self.shuffled else lengths, self.options.batch_size, shuffle=True)

        def batch(chosen: list[int]) -> Batch:
            users = self.learners[chosen]
            rows = self.rows.take(users)
            random = np.random.default_rng((self.seed, sampler.epoch, users[0]))
            back = np.maximum(rows.lengths() - window, 0) * random.random(len(users)) * random.integers(0, 2, len(users))
            return self._batch(
                padded(rows, window, rows.starts[1:] - np.round(back).astype(np.int64)), users, self.side.attributes
            )

        return DataLoader(range(len(self.learners)), batch_sampler=sampler, collate_fn=batch)  # type: ignore[arg-type]

    def val_dataloader(self) -> Any:
        users = validation_users(self.held_out, self.seed)
        size = max(1, min(512, CELLS // (self.rows.catalogue + 1)))

        def batch(chosen: list[int]) -> Batch:
            history = padded(self.held_out.history.take(users[chosen]), self.options.max_history)
            return self._batch(history, users[chosen], self.side.held_out_attributes)

        sampler = self._sampler(self.held_out.history.lengths()[users], size, shuffle=False)
        return DataLoader(range(len(users)), batch_sampler=sampler, collate_fn=batch)  # type: ignore[arg-type]

    def _batch(self, history: np.ndarray, users: np.ndarray, attributes: np.ndarray | None) -> Batch:
        values = attributes[users] if attributes is not None else np.zeros((len(users), 1), np.int64)
        arrays = {"history": history, "attributes": values.astype(np.int64), "users": users}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _sampler(self, lengths: np.ndarray, batch_size: int, *, shuffle: bool) -> LengthBucketSampler:
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return LengthBucketSampler(lengths, batch_size, shuffle=shuffle, seed=self.seed, rank=rank, world=world)


def fit_network(
    network: Network,
    rows: Interactions,
    held_out: HeldOutUsers,
    options: NetworkOptions,
    context: FitContext[Any, Any],
    side: SideInformation,
) -> Trained:
    """Trains until validation stops improving, or the epochs or minutes are over; returns the weights of the best epoch.

    Raises InputError where every history has one item, or no validation user has a relevant item.
    """
    check_learnable(rows, held_out)
    module = Training(network, held_out, options, context.metric.name)
    data = Histories(rows, held_out, side, options, context.seed, shuffled=not network.trains_in_order)
    training = train(module, data, replace(context, trainer=trainer_arguments(options, context)), patience=options.patience)
    with torch.no_grad():
        items = module.averaged.matrix().float().numpy().copy()
    facts = {message("dimensions"): items.shape[1], "learning_rate": options.learning_rate, "batch_size": options.batch_size}
    return Trained(
        module.averaged,
        items,
        options.max_history,
        {**facts, "dropout": options.dropout},
        parameters=sum(p.numel() for p in network.parameters()),
        training=training,
    )


def trainer_arguments(options: NetworkOptions, context: FitContext[Any, Any]) -> dict[str, object]:
    """The arguments of the Lightning trainer: those of `trainer:`, and limits of epochs and time from options and budget."""
    arguments = {name: value for name, value in context.trainer.items() if value is not None}
    limits: dict[str, object] = {"max_epochs": options.epochs or EPOCHS}
    seconds = min(60 * options.minutes if options.minutes is not None else inf, context.budget.remaining())
    if seconds != inf:
        limits["max_time"] = {"seconds": max(LEAST, round(seconds, 1))}
    if options.epochs is not None:
        arguments.pop("max_epochs", None)
    return limits | arguments


def with_zero_first(rows: torch.Tensor) -> torch.Tensor:
    """The matrix with zeros in row 0, that of the padding."""
    return torch.cat([torch.zeros_like(rows[:1]), rows[1:]])
