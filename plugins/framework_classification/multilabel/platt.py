"""Platt scaling of the logit of each label (Platt 1999), in numpy, because a codec of a lossy file applies it. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SMALLEST = 1e-12  # distance of a probability from 0 and 1 where its logit is taken


@dataclass(frozen=True)
class Platt:
    """Turns the logit z of each label into the logit scale x z + shift."""

    scale: np.ndarray
    """(labels,), above 0."""
    shift: np.ndarray
    """(labels,)."""

    @classmethod
    def read(cls, settings: Mapping[str, Sequence[float]] | None) -> Platt | None:
        """From the settings of a codec, as `plain` writes them."""
        return None if settings is None else cls(np.asarray(settings["scale"]), np.asarray(settings["shift"]))

    def plain(self) -> dict[str, list[float]]:
        return {"scale": self.scale.tolist(), "shift": self.shift.tolist()}

    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits from logits, both (..., labels)."""
        calibrated: np.ndarray = self.scale * logits + self.shift
        return calibrated

    def of_probabilities(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrated probabilities from probabilities, both (..., labels)."""
        return sigmoid(self.of_logits(logits_of(probabilities)))

    def then(self, other: Platt) -> Platt:
        """A scaling that does this one, and then the other."""
        return Platt(other.scale * self.scale, other.scale * self.shift + other.shift)

    def undone(self, probabilities: np.ndarray) -> np.ndarray:
        """The probabilities before calibration, both (..., labels)."""
        return sigmoid((logits_of(probabilities) - self.shift) / self.scale)


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), finite."""
    clipped = np.clip(np.asarray(probabilities, np.float64), SMALLEST, 1 - SMALLEST)
    logits: np.ndarray = np.log(clipped) - np.log1p(-clipped)
    return logits


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-logit)), without overflow."""
    probabilities: np.ndarray = np.exp(-np.logaddexp(0, -logits))
    return probabilities
