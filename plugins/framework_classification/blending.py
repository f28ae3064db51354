"""The mean of two linear classifiers over the same features: the logits of each are divided by a temperature of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework_classification.calibration import IMPOSSIBLE, fit_temperature

Head = tuple[np.ndarray, np.ndarray]  # weight (classes, features) and bias (classes,), float32


@dataclass(frozen=True)
class Blend:
    """A second head, and the temperatures of the first and of it."""

    other: Head
    temperatures: tuple[float, float]
    """Of the head that is averaged with `other`, and of `other`."""

    @classmethod
    def of(cls, other: Head, features: np.ndarray, logits: np.ndarray, targets: np.ndarray) -> Blend:
        """With the temperatures that suit held-out rows. features: (rows, features). logits: of the head that is averaged with
        `other`, (rows, classes). targets: the class numbers of the rows.
        """
        return cls(other, (fit_temperature(logits, targets), fit_temperature(logits_of(other, features), targets)))

    def logits(self, logits: np.ndarray, features: np.ndarray) -> np.ndarray:
        """The mean of both, from the logits of the head that is averaged with `other`. Shapes as in `of`."""
        first, second = self.temperatures
        return _keep_impossible(logits, (logits / first + logits_of(self.other, features) / second) / 2)

    def with_head(self, head: Head) -> Head:
        """The head whose logits are the mean of those of `head` and `other`."""
        first, second = self.temperatures
        weight, bias = ((ours / first + theirs / second) / 2 for ours, theirs in zip(head, self.other, strict=True))
        return weight.astype(np.float32), _keep_impossible(head[1], bias)


def _keep_impossible(logits: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The mean, float32, but `IMPOSSIBLE` for classes that the first of two heads, with these logits or bias, does not know."""
    return np.where(logits <= IMPOSSIBLE / 2, IMPOSSIBLE, mean).astype(np.float32)


def logits_of(head: Head, features: np.ndarray) -> np.ndarray:
    """(rows, classes), of features (rows, features)."""
    weight, bias = head
    logits: np.ndarray = features @ weight.T + bias
    return logits


def over_standardised(head: Head, mean: np.ndarray, scale: np.ndarray) -> Head:
    """A head over the first features as they are, as one over all of them, standardised. mean, scale: (features,)."""
    weight, bias = head
    width = weight.shape[1]
    over_all = np.zeros((len(weight), len(mean)), np.float32)
    over_all[:, :width] = weight * scale[:width]
    return over_all, bias + weight @ mean[:width]
