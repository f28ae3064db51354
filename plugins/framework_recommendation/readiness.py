"""What would stop the fit of a recommender before its first step. No torch."""

from __future__ import annotations

from pathlib import Path

from framework import InputError, available_memory
from framework_recommendation.data import RecommendationData
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.options import EaseOptions, HybridOptions, NetworkOptions, ReadsTexts
from framework_text import backbones
from framework_text.options import BackboneAddress

EASE_BYTES = 16  # of memory for each pair of items: four matrices of float32 are held at a time


def refusals(data: RecommendationData, options: object) -> list[str]:
    """For `Candidate.refuses`. options: of a candidate, whose type says what it needs."""
    try:
        if isinstance(options, HybridOptions):
            check_texts(data, options.encoder)
        if isinstance(options, ReadsTexts) and reads(data, options.encoder):
            encoder_folder(options.encoder)
        if isinstance(options, EaseOptions):
            check_memory(data.train.catalogue)
        if isinstance(options, NetworkOptions):
            check_learnable(data.train, data.held)
    except InputError as error:
        return list(error.problems)
    return []


def reads(data: RecommendationData, encoder: BackboneAddress) -> bool:
    """Whether there are texts, and something that reads them."""
    return bool(data.texts and encoder.name)


def check_texts(data: RecommendationData, encoder: BackboneAddress) -> None:
    if not data.texts:
        raise InputError("hybrid reads texts of items: give data.items=FILE with a title or a description")
    if not encoder.name:
        raise InputError("hybrid reads texts of items: name a sentence encoder, encoder.name=FOLDER")


def encoder_folder(source: BackboneAddress) -> Path:
    """The encoder's folder. Raises InputError for a backbone that was not made to turn a text into a vector."""
    folder = backbones.fetch(source)
    if not backbones.pools_by_mean(folder):
        raise InputError(
            f"encoder.name={source.name} is no sentence encoder that averages its token states, as all-MiniLM-L6-v2"
        )
    return folder


def folder_problems(source: BackboneAddress) -> list[str]:
    """What is wrong with an encoder in a folder that the recipe names. Whether one of a package or a hub is needed, and should
    be looked for, only the data say.
    """
    if not source.name:
        return []
    name = source.name
    if not (name.startswith((".", "/", "~")) or Path(name).is_dir()):
        return []
    try:
        encoder_folder(source)
    except InputError as error:
        return list(error.problems)
    return []


def check_memory(catalogue: int) -> None:
    """Raises InputError where EASE's matrices do not fit."""
    needed, available = EASE_BYTES * catalogue**2, available_memory()
    if available is not None and needed > available:
        limit = int((available / EASE_BYTES) ** 0.5)
        raise InputError(
            f"EASE needs {needed / 1e9:.1f} GB of memory for {catalogue:,} items and {available / 1e9:.1f} GB are available, "
            f"enough for {limit:,} items: write candidates=[item_knn], [bpr] or [sasrec], whose memory does not grow with the "
            f"square of the items, or raise the number of interactions that an item must have, task.core="
        )


def check_learnable(rows: Interactions, held: Held) -> None:
    """Raises InputError where there is nothing to learn from, or nothing to choose by."""
    if not (rows.lengths() > 1).any():
        raise InputError("every user took one item, from which nothing follows for another: write candidates=[popularity]")
    if not (held.relevant.lengths() > 0).any():
        raise InputError(
            "no user is held out that training could be judged by: write candidates=[popularity] or candidates=[item_knn]"
        )
