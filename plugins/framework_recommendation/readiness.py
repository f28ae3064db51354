"""Checks before a fit: texts, encoder, memory, and data to learn from. No torch."""

from __future__ import annotations

from pathlib import Path

from framework import InputError, available_memory
from framework_recommendation.data import RecommendationData
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.options import EaseOptions, HybridOptions, NetworkOptions, ReadsTexts
from framework_text import backbones
from framework_text.options import BackboneAddress

EASE_BYTES = 16  # bytes of memory per pair of items: four float32 matrices at a time


def refusals(data: RecommendationData, options: object) -> list[str]:
    """Why a candidate cannot be fitted, for `Candidate.refuses`. options: of the candidate; their type tells the checks."""
    try:
        if isinstance(options, HybridOptions):
            check_texts(data, options.encoder)
        if isinstance(options, ReadsTexts) and has_texts_and_encoder(data, options.encoder):
            encoder_folder(options.encoder)
        if isinstance(options, EaseOptions):
            check_memory(data.train.catalogue)
        if isinstance(options, NetworkOptions):
            check_learnable(data.train, data.held_out)
    except InputError as error:
        return list(error.problems)
    return []


def has_texts_and_encoder(data: RecommendationData, encoder: BackboneAddress) -> bool:
    """Whether items have texts, and the recipe names an encoder for them."""
    return bool(data.texts and encoder.name)


def check_texts(data: RecommendationData, encoder: BackboneAddress) -> None:
    """Raises InputError where items have no texts, or the recipe names no encoder."""
    if not data.texts:
        raise InputError("hybrid reads texts of items: give data.items=FILE with a title or a description")
    if not encoder.name:
        raise InputError("hybrid reads texts of items: name a sentence encoder, encoder.name=FOLDER")


def encoder_folder(source: BackboneAddress) -> Path:
    """The folder of a sentence encoder. Raises InputError for a backbone that is not one, and for a missing backbone."""
    folder = backbones.fetch(source)
    if not backbones.pools_by_mean(folder):
        raise InputError(
            f"encoder.name={source.name} is no sentence encoder that averages its token states, as all-MiniLM-L6-v2"
        )
    return folder


def folder_problems(source: BackboneAddress) -> list[str]:
    """Problems of an encoder that the recipe names by a local folder.

    Encoders of packages and hubs are checked when the data is read, because without texts of items they are not fetched.
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
    """Raises InputError where the matrices of EASE do not fit into memory. catalogue: number of items."""
    needed, available = EASE_BYTES * catalogue**2, available_memory()
    if available is not None and needed > available:
        limit = int((available / EASE_BYTES) ** 0.5)
        raise InputError(
            f"EASE needs {needed / 1e9:.1f} GB of memory for {catalogue:,} items and {available / 1e9:.1f} GB are available, "
            f"enough for {limit:,} items: write candidates=[item_knn], [bpr] or [sasrec], whose memory does not grow with the "
            f"square of the items, or raise the number of interactions that an item must have, task.core="
        )


def check_learnable(rows: Interactions, held_out: HeldOutUsers) -> None:
    """Raises InputError where every history has one item, or no validation user has a relevant item."""
    if not (rows.lengths() > 1).any():
        raise InputError("every user took one item, from which nothing follows for another: write candidates=[popularity]")
    if not (held_out.relevant.lengths() > 0).any():
        raise InputError(
            "no user is held out that training could be judged by: write candidates=[popularity] or candidates=[item_knn]"
        )
