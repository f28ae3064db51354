"""Compares familiarity with two other scores that tell known texts from unknown ones: energy, and nearest neighbours. No torch.

Without labelled rows of no class, classes take turns to be unknown: the scores do without their training rows and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from framework import Section, joined, message
from framework_classification.familiarity.metrics import auroc
from framework_classification.familiarity.thresholds import familiarity_threshold
from framework_text.familiarity import Distance, fit_distance

ROWS = 5000  # training rows of a comparison, at most
TURNS = 3  # parts of the classes, of which each is unknown once
SPARED = 2  # classes of such a part, at least: the rows of one tell little of texts beyond all classes
BACKGROUNDS = (0.8, 0.9, 1.0)  # shares of the background distance to choose from; the first without unknown rows
NEIGHBOUR = 1  # the neighbour whose similarity counts

Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By name the scores of known and of unknown rows, (rows,) each; larger is more familiar."""


@dataclass(frozen=True)
class Evidence:
    """What familiarity is fitted to and compared on: features of rows, (rows, width) float32, and what the model says."""

    train: np.ndarray
    targets: np.ndarray
    """The class number of each training row, (rows,)."""
    known: np.ndarray
    """Of validation rows of known classes."""
    known_targets: np.ndarray
    known_logits: np.ndarray
    """(rows, classes)"""
    unknown: np.ndarray
    """Of rows that belong to no class; there may be none."""
    unknown_logits: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """How well scores tell known rows from unknown ones."""

    background: float
    """The share of the background distance with which familiarity does so best."""
    turns: Sequence[Scores]
    """The scores with that share; one set for each part of the classes that was unknown, or one; none without unknown rows."""
    unknown: int
    """Number of labelled rows of no class that they were compared on; 0: on rows of classes that took turns to be unknown."""

    def section(self, share: float, note: str) -> Section:
        """A table of scores: the AUROC, and how many unknown rows each refuses where it refuses this share of known ones.

        note: about the threshold.
        """
        rows = []
        for name in self.turns[0] if self.turns else ():
            areas = [auroc(*turn[name]) for turn in self.turns]
            refused = [_refused(share, *turn[name]) for turn in self.turns]
            rows.append((name, f"{np.mean(areas):.4f}", f"{np.mean(refused):.1%}"))
        header = (message("score"), "AUROC", message("unknown rows refused")) if rows else ()
        return Section(message("Familiarity of validation rows"), header, rows, joined([note, self._about()]))

    def _about(self) -> str:
        """Which rows the scores are compared on."""
        if not self.turns:
            return message("there are no unknown rows to compare scores on, and too few classes to spare one")
        if self.unknown:
            return message("compared on {rows:,} rows that belong to no class", rows=self.unknown)
        turns = len(self.turns)
        return message(
            "compared on validation rows of classes that the scores were not fitted to, in {turns} turns", turns=turns
        )


def compare(evidence: Evidence) -> Comparison:
    """Chooses the share of the background, and compares familiarity with two other scores.

    The energy of logits is negated, so that larger is more familiar (Liu et al. 2020); the similarity is by Sun et al. 2022.
    """
    turns = list(_turns(evidence))
    distances = [fit_distance(turn.train, turn.targets) for turn in turns]
    pairs = list(zip(distances, turns, strict=True))
    areas = {share: np.mean([auroc(*_familiarity(*pair, share)) for pair in pairs]) for share in BACKGROUNDS} if pairs else {}
    share = max(areas, key=areas.__getitem__, default=BACKGROUNDS[0])
    scores: list[Scores] = []
    for distance, turn in pairs:
        similarities = _similarity(turn.known, turn.train), _similarity(turn.unknown, turn.train)
        scores.append(
            {
                message("familiarity (Mahalanobis)"): _familiarity(distance, turn, share),
                message("energy of the outputs"): (_negative_energy(turn.known_logits), _negative_energy(turn.unknown_logits)),
                message("similarity to the nearest rows"): similarities,
            }
        )
    return Comparison(share, scores, len(evidence.unknown))


def _familiarity(distance: Distance, turn: Evidence, share: float) -> tuple[np.ndarray, np.ndarray]:
    less = distance.less(share)
    return -less.distances(turn.known), -less.distances(turn.unknown)


def _negative_energy(logits: np.ndarray) -> np.ndarray:
    negative: np.ndarray = logsumexp(logits, axis=-1)
    return negative


def _similarity(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The cosine similarity to the `NEIGHBOUR`-th nearest training row, (rows,)."""
    nearest = min(NEIGHBOUR, len(train))
    similarities = _unit(features) @ _unit(train).T
    kth: np.ndarray = -np.partition(-similarities, nearest - 1, axis=1)[:, nearest - 1]
    return kth


def _unit(features: np.ndarray) -> np.ndarray:
    unit: np.ndarray = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return unit


def _refused(share: float, known: np.ndarray, unknown: np.ndarray) -> float:
    """The share of unknown rows below the threshold for a share of known ones."""
    return float((unknown < familiarity_threshold(share, known, never=-np.inf)).mean())


def _turns(evidence: Evidence) -> Iterator[Evidence]:
    """The evidence with its unknown rows, or with each part of the classes as unknown; none where no class can be spared."""
    rows = np.unique(np.linspace(0, len(evidence.train) - 1, ROWS).astype(int))
    evidence = replace(evidence, train=evidence.train[rows], targets=evidence.targets[rows])
    if len(evidence.unknown):
        yield evidence
        return
    classes = np.unique(evidence.targets)
    for turn in range(TURNS if len(classes) >= SPARED * TURNS else 0):
        part = _without(evidence, classes[turn::TURNS])
        if len(part.known) and len(part.unknown):
            yield part


def _without(evidence: Evidence, classes: np.ndarray) -> Evidence:
    """The evidence where these classes are unknown."""
    trained, known = ~np.isin(evidence.targets, classes), ~np.isin(evidence.known_targets, classes)
    logits = np.delete(evidence.known_logits, classes, axis=1)
    return Evidence(
        evidence.train[trained],
        evidence.targets[trained],
        evidence.known[known],
        evidence.known_targets[known],
        logits[known],
        evidence.known[~known],
        logits[~known],
    )
