"""How well scores rank what users took: over all items but those seen, the measure by which models are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models.rows import padded, pairs, take_held
from framework_recommendation.models.trained import Side, Trained

K = 10
JUDGED = 4000  # users at most by whom a model is chosen
CELLS = 30_000_000  # scores held at a time


def ndcg(scores: torch.Tensor, known: Interactions, relevant: Interactions, k: int = K) -> np.ndarray:
    """(users,) NDCG@k (Jarvelin & Kekalainen 2002) with binary gains; NaN for users with nothing relevant.

    scores: (users, catalogue + 1); changed: what is in `known` and the padding get minus infinity.
    """
    rows, items = pairs(known)
    scores[torch.from_numpy(rows), torch.from_numpy(items)] = -torch.inf
    scores[:, 0] = -torch.inf
    top = scores.topk(min(k, scores.shape[1]), dim=1).indices.cpu().numpy()
    width = scores.shape[1]
    rows, items = pairs(relevant)
    hits = np.isin(top + np.arange(len(top))[:, None] * width, rows * width + items)
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], gains.cumsum()])[np.minimum(relevant.lengths(), k)]
    found: np.ndarray = (hits * gains[: top.shape[1]]).sum(1) / ideal
    return found


def judges(held: Held, seed: int) -> np.ndarray:
    """Users with something relevant, at most `JUDGED` of them, drawn with the seed."""
    users = np.flatnonzero(held.relevant.lengths() > 0)
    if len(users) > JUDGED:
        users = np.sort(np.random.default_rng(seed).choice(users, JUDGED, replace=False))
    return users


def mean_ndcg(score: Callable[[Interactions, np.ndarray], torch.Tensor], held: Held, seed: int) -> float:
    """Mean NDCG@10 over the judges. score: called with some users' histories and their numbers, gives their scores."""
    users = judges(held, seed)
    if not len(users):
        return 0.0
    found = [ndcg(score(part.known, some), part.known, part.relevant) for part, some in _chunks(held, users)]
    return float(np.concatenate(found).mean())


def quality(trained: Trained, held: Held, seed: int, side: Side | None = None) -> float:
    """Mean NDCG@10 of a fitted recommender over the judges."""
    attributes = side.held if side is not None and trained.uses_attributes else None

    def score(known: Interactions, users: np.ndarray) -> torch.Tensor:
        given = torch.from_numpy(attributes[users]) if attributes is not None else None
        return trained.scores(torch.from_numpy(padded(known, trained.max_history)), given)

    return mean_ndcg(score, held, seed)


def _chunks(held: Held, users: np.ndarray) -> Iterator[tuple[Held, np.ndarray]]:
    size = max(1, min(1024, CELLS // (held.known.catalogue + 1)))
    for start in range(0, len(users), size):
        some = users[start : start + size]
        yield take_held(held, some), some
