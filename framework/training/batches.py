"""Batches of rows of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

JITTER = 0.1  # how far, relative to its length, a row may move from its place in the order of lengths


class LengthBucketSampler(Sampler[list[int]]):
    """Yields lists of row numbers.

    lengths: tokens of each row. batch_size: rows of one optimizer step over all ranks together, so that the number of
    processes does not change what is learned.
    shuffle: rows change company and batches change order every epoch, decided by seed and epoch alone; otherwise rows
    come once each, shortest first.
    rank, world: this process and their number. Every rank gets the same number of batches of the same number of rows;
    while shuffling, rows of the last batch are repeated where the number does not divide.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world = world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._global_batches())

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._global_batches():
            if self.shuffle and len(batch) % self.world:
                batch = np.resize(batch, len(batch) + self.world - len(batch) % self.world)
            yield batch[self.rank :: self.world].tolist()

    def _global_batches(self) -> list[np.ndarray]:
        random = np.random.default_rng((self.seed, self.epoch))
        lengths = self.lengths
        if self.shuffle:
            lengths = lengths * (1 + JITTER * random.random(len(lengths))) + random.random(len(lengths))
        order = np.argsort(lengths, kind="stable")
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        if self.shuffle:
            return [batches[i] for i in random.permutation(len(batches))]
        if len(batches) > 1 and len(batches[-1]) < self.world:
            batches[-2:] = [np.concatenate(batches[-2:])]  # no rank is left with an empty batch
        return batches
