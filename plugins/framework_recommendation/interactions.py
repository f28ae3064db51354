"""Who took which item: integers in a few arrays, however many there are. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interactions:
    """Items by user, within a user in the order of time.

    starts: (users + 1,) int64; user u took ``items[starts[u]:starts[u + 1]]``.
    items: (interactions,) int32, numbered from 1 to `catalogue`; 0 is padding.
    times: (interactions,) float64, seconds; None where the data has none and the order is the file's.
    """

    starts: np.ndarray
    items: np.ndarray
    catalogue: int
    times: np.ndarray | None = None

    @classmethod
    def of(cls, histories: Sequence[Sequence[int] | np.ndarray], catalogue: int) -> Interactions:
        """A history for each user."""
        starts = np.cumsum([0, *map(len, histories)], dtype=np.int64)
        parts = [np.asarray(history, dtype=np.int32) for history in histories]
        return cls(starts, np.concatenate([np.empty(0, np.int32), *parts]), catalogue)

    @property
    def users(self) -> int:
        return len(self.starts) - 1

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, user: int) -> np.ndarray:
        found: np.ndarray = self.items[self.starts[user] : self.starts[user + 1]]
        return found

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[user] for user in range(self.users))

    def take(self, users: np.ndarray) -> Interactions:
        """Those of some users, in their order, without times."""
        lengths = self.lengths()[users]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][users] - starts[:-1], lengths)
        return Interactions(starts, self.items[places], self.catalogue)

    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def counts(self) -> np.ndarray:
        """(catalogue + 1,) how often each item was taken; 0 for the padding."""
        return np.bincount(self.items, minlength=self.catalogue + 1)


@dataclass(frozen=True)
class Held:
    """Users to judge a recommender by: what is known of each, and what each took that was held out."""

    known: Interactions
    relevant: Interactions
