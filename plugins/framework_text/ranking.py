"""Ranks backbones by how well their frozen features tell the labels apart, before any is fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.covariance import ledoit_wolf

from framework import Budget, FrameworkError, InputError, Section, message, messages
from framework_text import backbones
from framework_text.features import FrozenEncoder
from framework_text.options import BackboneAddress
from framework_text.tokenizer import unknown_rate

SAMPLE = 1000  # training texts that are read, evenly spread, at most
LEAST = 100  # training texts that are read whatever the budget
SHARE = 0.05  # of the time of a fit for reading texts with one backbone


@dataclass(frozen=True)
class Ranked:
    """A backbone and what its features tell."""

    address: BackboneAddress
    score: float
    """The H-score of the features: larger is better."""
    rows: int
    """Training texts that were read."""
    unknown: float
    """Share of their tokens that the vocabulary does not know."""


def rank(
    every: Sequence[BackboneAddress], texts: Sequence[str], targets: Sequence[int], max_length: int, budget: Budget
) -> list[Ranked]:
    """The backbones, the best first.

    targets: the class number of each text. budget: of the fit. Raises InputError that names each backbone that cannot be
    fetched.
    """
    folders = _fetched(every)
    encoders = [FrozenEncoder(folder, max_length) for _, folder in folders]
    within = min(encoder.texts_within(SHARE * budget.remaining(), texts) for encoder in encoders)
    count = int(min(len(texts), SAMPLE, max(LEAST, within)))
    rows = np.unique(np.linspace(0, len(texts) - 1, count).astype(int))  # the same for all: scores fall with their number
    sample, numbers = [texts[row] for row in rows], np.asarray(targets)[rows]
    ranked = [_ranked(address, encoder, sample, numbers) for (address, _), encoder in zip(folders, encoders, strict=True)]
    return sorted(ranked, key=lambda one: -one.score)


def h_score(features: np.ndarray, targets: np.ndarray) -> float:
    """How much of the variance of features lies between classes, in units of the variance of each direction.

    The shrunk H-score of Ibrahim, Ponomareva and Mazumder 2021, Newer is not always better. features: (rows, width). targets:
    (rows,).
    """
    centered = features - features.mean(0)
    covariance, shrinkage = ledoit_wolf(centered, assume_centered=True)
    classes, numbers, counts = np.unique(targets, return_inverse=True, return_counts=True)
    sums = np.zeros((len(classes), features.shape[1]))
    np.add.at(sums, numbers, centered)
    means = sums / counts[:, None]
    between = (means * counts[:, None]).T @ means / len(features)
    return float((1 - shrinkage) * np.trace(np.linalg.solve(covariance, between)))


def _fetched(every: Sequence[BackboneAddress]) -> list[tuple[BackboneAddress, Path]]:
    folders, problems = [], []
    for address in every:
        try:
            folders.append((address, backbones.fetch(address)))
        except FrameworkError as error:
            problems.append(f"backbones: {error}")
    if problems:
        raise InputError(*problems)
    return folders


def _ranked(address: BackboneAddress, encoder: FrozenEncoder, sample: Sequence[str], targets: np.ndarray) -> Ranked:
    average = encoder.features(sample)[:, encoder.module.width // 2 :]  # of all layers, which ranks better than the last one
    ids = np.concatenate([np.asarray(one) for one in encoder.tokenizer(sample)["input_ids"]])
    unknown = unknown_rate(ids, encoder.tokenizer.unk_token_id)
    return Ranked(address, h_score(average, targets), len(sample), unknown)


def ranking_section(ranked: Sequence[Ranked]) -> Section:
    """The scores of all, and which is taken."""
    rows = [(one.address.name, f"{one.score:.3f}", f"{one.unknown:.1%}", f"{one.rows:,}") for one in ranked]
    note = message(
        "{name} is taken: its features tell the labels apart best, before any training.", name=str(ranked[0].address.name)
    )
    return Section(message("Backbones"), messages("backbone", "H-score", "unknown tokens", "texts read"), rows, note)
