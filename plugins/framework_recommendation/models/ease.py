"""EASE (Steck 2019, Embarrassingly Shallow Autoencoders for Sparse Data): a closed form, in float32 by Cholesky."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import lapack

from framework import FitContext, InputError, Section, message
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.ranking import mean_ndcg
from framework_recommendation.models.rows import binary
from framework_recommendation.models.trained import Rebuildable, SideInformation, Trained
from framework_recommendation.options import EaseOptions
from framework_recommendation.readiness import check_memory

FIRST = 400.0  # the regularization that is tried first; then two, four, ... times larger or smaller values


class MultiHot(Rebuildable):
    """(batch, catalogue) float32: 1 for items of the history, 0 for others."""

    def __init__(self, catalogue: int) -> None:
        super().__init__(catalogue=catalogue)
        self.width = catalogue + 1

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros((history.shape[0], self.width), dtype=torch.float32, device=history.device)
        return zeros.scatter(1, history, torch.ones_like(history, dtype=torch.float32))[:, 1:]


def fit(
    train: Interactions, held_out: HeldOutUsers, options: EaseOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    """The regularization is the recipe's, or the one with the best validation NDCG. Raises InputError without enough memory.

    With it the model is fitted again to the histories and what the validation users took, unless the options say otherwise.
    """
    check_memory(train.catalogue)
    taken = binary(train)[:, 1:]
    gram = (taken.T @ taken).toarray()
    histories = binary(held_out.history)[:, 1:]

    def validation_ndcg(regularization: float) -> float:
        weights = closed_form(gram, regularization)
        return mean_ndcg(lambda _, users: _with_padding(histories[users] @ weights), held_out, context.seed)

    regularization = options.regularization or climb(validation_ndcg)
    items, before = _items(gram, regularization), None
    if options.all_rows:
        context.show(_all_rows_section(len(held_out.relevant)))
        added = _added_to_gram(held_out)
        gram[added.row, added.col] += added.data  # in place: the matrix is large
        before, items = items, _items(gram, regularization)
    facts: dict[str, float] = {message("regularization"): regularization}
    parameters = train.catalogue * (train.catalogue - 1)
    network = MultiHot(train.catalogue).eval()
    return Trained(network, items, options.max_history, facts, parameters=parameters, held_out_items=before)


def _items(gram: np.ndarray, regularization: float) -> np.ndarray:
    """`Trained.items`."""
    return np.concatenate([np.zeros((1, len(gram)), np.float32), closed_form(gram, regularization).T])


def _added_to_gram(held_out: HeldOutUsers) -> sparse.coo_array:
    """(items, items) float32: what X'X grows by if the relevant items of the validation users join their histories."""
    history, relevant = (binary(part)[:, 1:] for part in (held_out.history, held_out.relevant))
    new = history.maximum(relevant) - history
    beside = new.T @ history
    return sparse.coo_array(beside + beside.T + new.T @ new)


def _all_rows_section(count: int) -> Section:
    note = message(
        "The model that ships learns from the {count:,} interactions of validation users, too, with the regularization that "
        "was chosen on them. Metrics on validation are those of the model before that; "
        "candidates.ease.all_rows=false ships it.",
        count=count,
    )
    return Section(message("Validation rows"), note=note)


def closed_form(gram: np.ndarray, regularization: float) -> np.ndarray:
    """B (items, items) float32 with a zero diagonal that minimizes |X - XB|^2 + regularization |B|^2; gram is X'X.

    B = I - P / diag(P) with P = (X'X + regularization I)^-1. Raises InputError where the regularization is too small for the
    inverse.
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


def climb(judge: Callable[[float], float]) -> float:
    """The regularization with the best judgement: `FIRST` is doubled, or else halved, until the judgement gets worse."""
    scores = {FIRST: judge(FIRST)}
    for factor in (2.0, 0.5):
        value = FIRST * factor
        scores[value] = judge(value)
        while scores[value] > scores[value / factor] and 1.0 < value < 1e6:
            value *= factor
            scores[value] = judge(value)
        if max(scores, key=scores.__getitem__) != FIRST:
            break
    return max(scores, key=scores.__getitem__)


def _with_padding(scores: np.ndarray | sparse.csr_array) -> torch.Tensor:
    """(users, catalogue + 1) from (users, catalogue)."""
    return torch.from_numpy(np.pad(np.asarray(scores), ((0, 0), (1, 0))))
