"""The LightningDataModule of encoders: batches of rows of similar length, divided among ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from framework import LengthBucketSampler
from framework_text.augmentation import follow
from framework_text.tokens import Batch


class EncoderBatches(pl.LightningDataModule):
    """Batches of training and validation rows.

    train, validation: datasets with `lengths`, the tokens of each row. collate: makes a batch of rows.
    batch_size: rows of an optimizer step over all ranks together; validation batches are twice as large.
    """

    def __init__(
        self, train: Any, validation: Any, collate: Callable[[Sequence[Any]], Batch], batch_size: int, seed: int
    ) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.collate, self.batch_size, self.seed = collate, batch_size, seed

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.validation, 2 * self.batch_size, shuffle=False)

    def _loader(self, rows: Any, batch_size: int, *, shuffle: bool) -> DataLoader[Any]:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        sampler = LengthBucketSampler(rows.lengths, batch_size, shuffle=shuffle, seed=self.seed, rank=rank, world=world)
        follow(rows, sampler)
        return DataLoader(rows, batch_sampler=sampler, collate_fn=self.collate, num_workers=0)
