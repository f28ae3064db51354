"""NDCG@10 on validation users over all items outside their histories, by which models and epochs are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.rows import padded, pairs
from framework_recommendation.models.trained import SideInformation, Trained

K = 10
JUDGED = 4000  # validation users at most
CELLS = 30_000_000  # scores in memory at a time, at most


def ndcg(scores: torch.Tensor, history: Interactions, relevant: Interactions, k: int = K) -> np.ndarray:
    """(users,) NDCG@k (Jarvelin & Kekalainen 2002) with binary gains; NaN for users without relevant items.

    scores: (users, catalogue + 1), changed in place: items of the history and the padding get minus infinity.
    """
    rows, items = pairs(history)
    scores[torch.from_numpy(rows), torch.from_numpy(items)] = -torch.inf
    scores[:, 0] = -torch.inf
    top = scores.topk(min(k, scores.shape[1]), dim=1).indices.cpu().numpy()
    width = scores.shape[1]
    rows, items = pairs(relevant)
    hits = np.isin(top + np.arange(len(top))[:, None] * width, rows * width + items)
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], gains.cumsum()])[np.minimum(relevant.lengths(), k)]
    values: np.ndarray = (hits * gains[: top.shape[1]]).sum(1) / ideal
    return values


def validation_users(held_out: HeldOutUsers, seed: int) -> np.ndarray:
    """Indices of users with relevant items, ascending; at most `JUDGED`, drawn with the seed."""
    users = np.flatnonzero(held_out.relevant.lengths() > 0)
    if len(users) > JUDGED:
        users = np.sort(np.random.default_rng(seed).choice(users, JUDGED, replace=False))
    return users


def mean_ndcg(score: Callable[[Interactions, np.ndarray], torch.Tensor], held_out: HeldOutUsers, seed: int) -> float:
    """Mean NDCG@10 over `validation_users`; 0 without such users.

    score: (histories, indices of their users) -> scores (users, catalogue + 1).
    """
    users = validation_users(held_out, seed)
    if not len(users):
        return 0.0
    values = [ndcg(score(part.history, chunk), part.history, part.relevant) for part, chunk in _chunks(held_out, users)]
    return float(np.concatenate(values).mean())


def quality(trained: Trained, held_out: HeldOutUsers, seed: int, side: SideInformation | None = None) -> float:
    """Mean NDCG@10 of a fitted recommender over `validation_users`. side: None: attributes of users are not read."""
    attributes = side.held_out_attributes if side is not None and trained.uses_attributes else None

    def score(history: Interactions, users: np.ndarray) -> torch.Tensor:
        values = torch.from_numpy(attributes[users]) if attributes is not None else None
        return trained.scores(torch.from_numpy(padded(history, trained.max_history)), values)

    return mean_ndcg(score, held_out, seed)


def _chunks(held_out: HeldOutUsers, users: np.ndarray) -> Iterator[tuple[HeldOutUsers, np.ndarray]]:
    """The users in chunks whose scores fit into memory, and their indices."""
    size = max(1, min(1024, CELLS // (held_out.history.catalogue + 1)))
    for start in range(0, len(users), size):
        chunk = users[start : start + size]
        yield held_out.take(chunk), chunk
