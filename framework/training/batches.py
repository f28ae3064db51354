"""Batches of rows of similar length, which need little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

JITTER = 0.1  # shuffling sorts rows by length times a random factor, from 1 to 1 + this


class LengthBucketSampler(Sampler[list[int]]):
    """A batch sampler: yields lists of row indices, each of rows of similar length."""

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
        """lengths: number of tokens of each row. batch_size: rows of all ranks together in one optimizer step, so that results
        do not depend on the number of processes.

        shuffle: whether the composition and order of batches change every epoch, by seed and epoch alone; otherwise every row
        comes once, the shortest first. rank: index of this process. world: number of processes. All ranks get the same number
        of batches; with `shuffle`, a batch whose size `world` does not divide is filled up with repeated rows.
        """
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
            batches[-2:] = [np.concatenate(batches[-2:])]  # otherwise some ranks would get an empty batch
        return batches
