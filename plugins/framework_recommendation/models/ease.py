"""EASE (Steck 2019, Embarrassingly Shallow Autoencoders for Sparse Data): a closed form, in float32 by Cholesky."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import lapack

from framework import FitContext, InputError, message
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models.ranking import mean_ndcg
from framework_recommendation.models.rows import binary
from framework_recommendation.models.trained import Rebuildable, Side, Trained
from framework_recommendation.options import EaseOptions
from framework_recommendation.readiness import check_memory

FIRST = 400.0  # the regularization tried first; others are two, four, ... times as large or small


class MultiHot(Rebuildable):
    """(batch, catalogue) float32: 1 where the history has the item."""

    def __init__(self, catalogue: int) -> None:
        super().__init__(catalogue=catalogue)
        self.width = catalogue + 1

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros((history.shape[0], self.width), dtype=torch.float32, device=history.device)
        return zeros.scatter(1, history, torch.ones_like(history, dtype=torch.float32))[:, 1:]


def fit(train: Interactions, held: Held, options: EaseOptions, context: FitContext[Any, Any], side: Side) -> Trained:
    """The regularization is the recipe's, or what ranks the validation best. Raises InputError where memory is too small."""
    check_memory(train.catalogue)
    taken = binary(train)[:, 1:]
    gram = (taken.T @ taken).toarray()
    known = binary(held.known)[:, 1:]

    def judged(regularization: float) -> float:
        weights = closed_form(gram, regularization)
        return mean_ndcg(lambda _, users: _with_padding(known[users] @ weights), held, context.seed)

    regularization = options.regularization or climb(judged)
    weights = closed_form(gram, regularization)
    items = np.concatenate([np.zeros((1, train.catalogue), np.float32), weights.T])
    facts: dict[str, float] = {message("regularization"): regularization}
    parameters = train.catalogue * (train.catalogue - 1)
    return Trained(MultiHot(train.catalogue).eval(), items, options.max_history, facts, parameters=parameters)


def closed_form(gram: np.ndarray, regularization: float) -> np.ndarray:
    """B (items, items) float32 with a zero diagonal that minimizes |X - XB|^2 + regularization |B|^2; gram is X'X.

    B = I - P / diag(P) with P = (X'X + regularization I)^-1.
    """
    inverse = np.array(gram, dtype=np.float32, order="F")
    inverse[np.diag_indices_from(inverse)] += np.float32(regularization)
    inverse, failed = lapack.spotrf(inverse, lower=1, overwrite_a=1)
    if failed:
        raise InputError(
            f"candidates.ease.regularization={regularization:g} is too small for these interactions: write a larger one"
        )
    inverse, _ = lapack.spotri(inverse, lower=1, overwrite_c=1)
    for row in range(len(inverse)):  # only the lower triangle was computed
        inverse[row, row + 1 :] = inverse[row + 1 :, row]
    diagonal = inverse.diagonal().copy()
    inverse /= -diagonal
    inverse[np.diag_indices_from(inverse)] = 0.0
    return np.ascontiguousarray(inverse)


def climb(judged: Callable[[float], float]) -> float:
    """The regularization with the best judgement, searched by doubling or halving `FIRST` until it gets worse."""
    found = {FIRST: judged(FIRST)}
    for factor in (2.0, 0.5):
        value = FIRST * factor
        found[value] = judged(value)
        while found[value] > found[value / factor] and 1.0 < value < 1e6:
            value *= factor
            found[value] = judged(value)
        if max(found, key=lambda one: found[one]) != FIRST:
            break
    return max(found, key=lambda one: found[one])


def _with_padding(scores: np.ndarray | sparse.csr_array) -> torch.Tensor:
    return torch.from_numpy(np.pad(np.asarray(scores), ((0, 0), (1, 0))))
