"""What would stop the fit of a recommender before its first step. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import InputError, available_memory
from framework_recommendation import Recommendation
from framework_recommendation.data import RecommendationData
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.options import TRAINED, Recommender
from framework_text import backbones
from framework_text.options import BackboneSource

COPIES = 4  # of an items x items matrix of float32 that EASE holds at a time


def problems(data: RecommendationData, options: Recommendation, model: Recommender, trainer: Mapping[str, Any]) -> list[str]:
    """`Candidate.ready`. With ``algorithm=auto`` a candidate that cannot be fitted is left out, which stops nothing."""
    try:
        check_texts(data, model)
        if data.texts and model.text_encoder.name:
            encoder_folder(model.text_encoder)
        if model.algorithm == "ease":
            check_memory(data.train.catalogue)
        if model.algorithm in TRAINED:
            check_learnable(data.train, data.held)
    except InputError as error:
        return list(error.problems)
    return []


def check_texts(data: RecommendationData, model: Recommender) -> None:
    if model.algorithm == "hybrid" and not data.texts:
        raise InputError("model.algorithm=hybrid reads texts of items: give data.items=FILE with a title or a description")
    if model.algorithm == "hybrid" and not model.text_encoder.name:
        raise InputError("model.algorithm=hybrid reads texts of items: name a sentence encoder, model.encoder.name=FOLDER")


def encoder_folder(source: BackboneSource) -> Path:
    """The encoder's folder. Raises InputError for a backbone that was not made to turn a text into a vector."""
    folder = backbones.fetch(source)
    if not backbones.pools_by_mean(folder):
        raise InputError(
            f"model.encoder.name={source.name} is no sentence encoder that averages its token states, as all-MiniLM-L6-v2"
        )
    return folder


def check_memory(catalogue: int) -> None:
    """Raises InputError where EASE's matrices do not fit."""
    needed, available = COPIES * 4 * catalogue**2, available_memory()
    if available is not None and needed > available:
        limit = int((available / (COPIES * 4)) ** 0.5)
        raise InputError(
            f"EASE needs {needed / 1e9:.1f} GB of memory for {catalogue:,} items and {available / 1e9:.1f} GB are available, "
            f"enough for {limit:,} items: write model.algorithm=item_knn, bpr or sasrec, whose memory does not grow with the "
            f"square of the items, or raise the number of interactions that an item must have"
        )


def check_learnable(rows: Interactions, held: Held) -> None:
    """Raises InputError where there is nothing to learn from, or nothing to choose by."""
    if not (rows.lengths() > 1).any():
        raise InputError("every user took one item, from which nothing follows for another: write model.algorithm=popularity")
    if not (held.relevant.lengths() > 0).any():
        raise InputError("no user is held out that training could be judged by: write model.algorithm=popularity or item_knn")
