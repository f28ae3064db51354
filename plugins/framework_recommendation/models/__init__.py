"""Recommenders by the names of their candidates.

Each module's `fit` takes the training interactions, the validation users, the candidate's options, the context and the side
information on users and items, and returns a `Trained`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models import bpr, ease, hybrid, item_knn, mult_vae, popularity, sasrec
from framework_recommendation.models.trained import SideInformation, Trained

Fit = Callable[[Interactions, HeldOutUsers, Any, FitContext[Any, Any], SideInformation], Trained]
ALGORITHMS: Mapping[str, Fit] = {
    "popularity": popularity.fit,
    "item_knn": item_knn.fit,
    "ease": ease.fit,
    "hybrid": hybrid.fit,
    "bpr": bpr.fit,
    "mult_vae": mult_vae.fit,
    "sasrec": sasrec.fit,
}

__all__ = ["ALGORITHMS", "SideInformation", "Trained"]
