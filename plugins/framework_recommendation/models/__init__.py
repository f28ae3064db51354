"""Recommenders by name.

Each module's `fit` is called with the interactions to learn from, users held out to choose by, the options, the context and
what else is known of users and items, and returns a `Trained`.
"""

from __future__ import annotations

from dataclasses import replace

from framework import FitContext
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models import auto, bpr, ease, hybrid, item_knn, mult_vae, popularity, sasrec
from framework_recommendation.models.trained import Side, Trained
from framework_recommendation.options import Recommender

ALGORITHMS: dict[str, auto.Fit] = {
    "popularity": popularity.fit,
    "item_knn": item_knn.fit,
    "ease": ease.fit,
    "bpr": bpr.fit,
    "mult_vae": mult_vae.fit,
    "sasrec": sasrec.fit,
    "hybrid": hybrid.fit,
}


def fit(train: Interactions, held: Held, options: Recommender, context: FitContext, side: Side | None = None) -> Trained:
    """The recommender of ``options.algorithm``; with `auto`, shows what each candidate reaches. Raises InputError."""
    side = side or Side()
    if options.algorithm != "auto":
        trained = ALGORITHMS[options.algorithm](train, held, options, context, side)
        return replace(trained, facts={"algorithm": options.algorithm, **trained.facts})
    trained, table = auto.choose(ALGORITHMS, train, held, options, context, side)
    context.show(table)
    return trained


__all__ = ["ALGORITHMS", "Side", "Trained", "fit"]
