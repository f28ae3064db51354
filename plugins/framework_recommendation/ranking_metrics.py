"""Metrics of lists of recommended items: accuracy, coverage, novelty, and recommendation by popularity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from framework import Section, message, messages
from framework_recommendation.interactions import Interactions

if TYPE_CHECKING:
    import torch

GROUPS = (
    (message("popular"), 0.2),
    (message("middle"), 0.8),
    (message("rare"), 1.0),
)  # name -> upper bound of the cumulative share of interactions, the most popular items first
PER_USER = ("recall", "ndcg", "mrr", "hit_rate")


@dataclass(frozen=True)
class Ranked:
    """Metrics by name, such as ``recall@10``."""

    means: dict[str, float]
    users: dict[str, np.ndarray]
    """(users,) values of the metrics that are means over users."""


def ranking_metrics(lists: np.ndarray, relevant: Interactions, counts: np.ndarray) -> Ranked:
    """All metrics at k, the width of the lists.

    lists: (users, k) item numbers, the best first; 0 fills short lists, and a repeated item counts once.
    relevant: what each of these users took. counts: (catalogue + 1,) interactions of each item in training.

    With R the relevant items of a user and h_i whether the item at rank i = 1..k is one of them:
    recall@k = sum(h) / |R|; ndcg@k = sum(h_i / log2(i + 1)) / sum over i <= min(k, |R|) of 1 / log2(i + 1);
    mrr@k = 1 / the first i with h_i, else 0; hit_rate@k = max(h): torchmetrics.retrieval, averaged over the users that have
    relevant items. coverage@k and novelty@k: see `coverage` and `novelty`.
    """
    k = lists.shape[1]
    judged = np.flatnonzero(relevant.lengths() > 0)
    hits = hits_of(lists, relevant)[judged]
    users = {f"{name}@{k}": values for name, values in _per_user(hits, relevant.lengths()[judged]).items()}
    means = {name: float(values.mean()) if len(values) else 0.0 for name, values in users.items()}
    means[f"coverage@{k}"] = coverage(lists, relevant.catalogue)
    means[f"novelty@{k}"] = novelty(lists, counts)
    return Ranked(means, users)


def hits_of(lists: np.ndarray, relevant: Interactions) -> np.ndarray:
    """(users, k) bool: which places of `lists`, (users, k) item numbers, hold a relevant item; a repeated item counts once, at
    its first place.
    """
    stride = np.int64(relevant.catalogue + 1)
    wanted = np.unique(np.repeat(np.arange(relevant.users), relevant.lengths()) * stride + relevant.items)
    listed = np.arange(len(lists))[:, None] * stride + lists
    hits: np.ndarray = np.isin(listed, wanted) & (lists > 0)
    for place in range(1, lists.shape[1]):
        hits[:, place] &= ~(lists[:, :place] == lists[:, place : place + 1]).any(axis=1)
    return hits


def _per_user(hits: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Metric -> (users,) float64. lengths: (users,) numbers of relevant items.

    The values depend only on the places of the hits and the number of relevant items. torchmetrics, which computes list by
    list, is called for the distinct patterns only, of which there are far fewer than users.
    """
    from torchmetrics.retrieval import RetrievalHitRate, RetrievalMRR, RetrievalNormalizedDCG, RetrievalRecall

    kinds: Sequence[Callable[..., Any]] = (RetrievalRecall, RetrievalNormalizedDCG, RetrievalMRR, RetrievalHitRate)
    k = hits.shape[1]
    if not len(hits):
        return {name: np.empty(0) for name in PER_USER}
    patterns, which = np.unique(np.column_stack([hits, lengths]), axis=0, return_inverse=True)
    flat = _flat(patterns[:, :k] > 0, patterns[:, k])
    values = {}
    for name, kind in zip(PER_USER, kinds, strict=True):
        metric = kind(top_k=k, aggregation=_each)
        metric.update(flat.scores, flat.relevant, flat.indexes)
        values[name] = np.atleast_1d(metric.compute().double().numpy())[
            which.reshape(-1)
        ]  # for a single list torchmetrics returns a number
    return values


def _each(values: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Aggregation for torchmetrics that keeps the value of each list."""
    return values


class _Flat(NamedTuple):
    scores: torch.Tensor
    relevant: torch.Tensor
    indexes: torch.Tensor


def _flat(hits: np.ndarray, lengths: np.ndarray) -> _Flat:
    """The lists as torchmetrics takes them: the k places of each list, and the relevant items missing from it with score 0."""
    import torch

    users, k = hits.shape
    missed = lengths - hits.sum(axis=1)
    listed = np.tile(np.arange(k, 0, -1, dtype=np.float32), users)
    scores = np.concatenate([listed, np.zeros(int(missed.sum()), dtype=np.float32)])
    relevant = np.concatenate([hits.reshape(-1), np.ones(int(missed.sum()), dtype=bool)])
    indexes = np.concatenate([np.repeat(np.arange(users), k), np.repeat(np.arange(users), missed)])
    return _Flat(torch.from_numpy(scores), torch.from_numpy(relevant), torch.from_numpy(indexes))


def coverage(lists: np.ndarray, catalogue: int) -> float:
    """The share of the catalogue that is in at least one list (aggregate diversity: Adomavicius and Kwon 2012)."""
    return int((np.unique(lists) > 0).sum()) / catalogue


def novelty(lists: np.ndarray, counts: np.ndarray) -> float:
    """In bits: the mean over users of the mean over the user's list of -log2 p(i), with p(i) the share of item i in training.

    Self-information (Zhou et al. 2010), averaged as the mean self-information of Castells, Hurley and Vargas 2015. An item
    without interactions counts as if it had one.
    """
    bits = -np.log2(np.maximum(counts, 1) / max(int(counts[1:].sum()), 1))
    filled = lists > 0
    listed = filled.sum(axis=1)
    sums = np.where(filled, bits[lists], 0).sum(axis=1)
    return float((sums[listed > 0] / listed[listed > 0]).mean()) if listed.any() else 0.0


def popularity_groups(counts: np.ndarray) -> np.ndarray:
    """(catalogue + 1,) int8: the index in `GROUPS` of each item; -1 for the padding. counts: see `ranking_metrics`.

    Items are ordered by interactions in training, the most popular first, ties in the order of the catalogue. `popular` items
    make up the first 20 % of all interactions, `rare` items the last 20 %; items without interactions are rare.
    """
    order = np.argsort(-counts[1:], kind="stable") + 1
    before = np.cumsum(counts[order]) - counts[order]  # interactions of more popular items
    ends = np.array([share for _, share in GROUPS[:-1]]) * counts[1:].sum()
    groups = np.full(len(counts), -1, dtype=np.int8)
    groups[order] = np.searchsorted(ends, before, side="right")
    return groups


def popularity_table(lists: np.ndarray, relevant: Interactions, counts: np.ndarray) -> Section:
    """Compares, for each group of popularity, its share of the relevant items with its share of the recommended items.

    In a calibrated recommender both are equal. recall: the share of the group's relevant items, over all users together, that
    are in the list of their user. lists, relevant, counts: see `ranking_metrics`.
    """
    groups = popularity_groups(counts)
    hits = hits_of(lists, relevant)
    size = len(GROUPS)
    of_items, of_relevant, of_listed, of_hits = (
        np.bincount(groups[items], minlength=size)
        for items in (np.arange(1, len(counts)), relevant.items, lists[lists > 0], lists[hits])
    )
    wanted, listed = (_shares(count) for count in (of_relevant, of_listed))
    rows = [
        (name, f"{of_items[i]:,}", wanted[i], listed[i], f"{of_hits[i] / of_relevant[i]:.4f}" if of_relevant[i] else "")
        for i, (name, _) in enumerate(GROUPS)
    ]
    k = lists.shape[1]
    note = message("popular: the items that make 20 % of the interactions in training; rare: those behind 80 % of them.")
    header = (*messages("items", "number", "of the relevant"), message("of the top {k}", k=k), f"recall@{k}")
    return Section(message("By popularity"), header, rows, note)


def _shares(counts: np.ndarray) -> list[str]:
    return [f"{count / max(int(counts.sum()), 1):.1%}" for count in counts]
