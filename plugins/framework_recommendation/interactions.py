"""Who took which item, as integers in a few arrays. No torch.

A user "takes" an item by any event that counts as an interaction: a purchase, a click, a play, a rating.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interactions:
    """The history of each user, oldest item first, in the layout of compressed sparse rows."""

    starts: np.ndarray
    """(users + 1,) int64; user u took ``items[starts[u]:starts[u + 1]]``."""
    items: np.ndarray
    """(interactions,) int32, numbered from 1 to `catalogue`; 0 is padding."""
    catalogue: int
    """Number of items."""
    times: np.ndarray | None = None
    """(interactions,) float64, seconds; None where the data has no times and the order is that of the file."""

    @classmethod
    def of(cls, histories: Sequence[Sequence[int] | np.ndarray], catalogue: int) -> Interactions:
        """Builds the arrays from one history of item numbers per user."""
        starts = np.cumsum([0, *map(len, histories)], dtype=np.int64)
        parts = [np.asarray(history, dtype=np.int32) for history in histories]
        return cls(starts, np.concatenate([np.empty(0, np.int32), *parts]), catalogue)

    @property
    def users(self) -> int:
        return len(self.starts) - 1

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, user: int) -> np.ndarray:
        """The history of one user: item numbers, the newest last."""
        history: np.ndarray = self.items[self.starts[user] : self.starts[user + 1]]
        return history

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[user] for user in range(self.users))

    def take(self, users: np.ndarray) -> Interactions:
        """The histories of these users, in the order of `users`, without times."""
        lengths = self.lengths()[users]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][users] - starts[:-1], lengths)
        return Interactions(starts, self.items[places], self.catalogue)

    def lengths(self) -> np.ndarray:
        """(users,) the number of interactions of each user."""
        return np.diff(self.starts)

    def counts(self) -> np.ndarray:
        """(catalogue + 1,) the number of interactions of each item; 0 for the padding."""
        return np.bincount(self.items, minlength=self.catalogue + 1)


@dataclass(frozen=True)
class HeldOutUsers:
    """Users that a recommender is judged by."""

    history: Interactions
    """What the recommender is given of each user."""
    relevant: Interactions
    """The items of each user that were held out, which the recommender should rank first."""

    def take(self, users: np.ndarray) -> HeldOutUsers:
        """These users, in the order of `users`."""
        return HeldOutUsers(self.history.take(users), self.relevant.take(users))
