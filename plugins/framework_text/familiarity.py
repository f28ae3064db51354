"""How familiar a text is to a model: the distance of its features to those of the training rows. No torch.

The Mahalanobis distance to the nearest of several centers under one shared covariance (Lee et al. 2018, A Simple Unified
Framework for Detecting Out-of-Distribution Samples), less a share of the distance under a single background Gaussian (Ren et
al. 2021, A Simple Fix to Mahalanobis Distance). Both covariances are shrunk (Ledoit and Wolf 2004), so that they may have more
columns than rows, and diagonal in the same coordinates, so that one product gives both distances.

Centers are class means. With few, wide classes these say little of where texts are, so classes are divided by k-means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit
from sklearn.cluster import KMeans
from sklearn.covariance import ledoit_wolf

TYPICAL, RARE = 0.5, 0.05  # familiarity of a typical known text, and of one that is stranger than all but this share
LEAST = 0.01  # smallest deviation of a feature, of the mean deviation
RIDGE = 1e-3  # added to variances around the centers, of about 1 over all rows: smaller ones would be noise of fp32
PARTS, ROWS_A_PART = 100, 25  # centers, about, that few classes are divided into, and the fewest rows of one


@dataclass(frozen=True)
class Distance:
    """A distance of features to those of known classes."""

    mean: np.ndarray
    """(width,): the mean of all training rows."""
    whitening: np.ndarray
    """(width, width): features less the mean, times this matrix, have covariance 1 around the centers."""
    centers: np.ndarray
    """(centers, width), whitened: the mean of each class, or of each of its parts."""
    background: np.ndarray
    """(width,): what of each squared whitened coordinate counts as background: its inverse variance over all rows, or less."""
    location: float = 0.0
    """The distance whose familiarity is `TYPICAL`."""
    scale: float = 1.0
    """The familiarity is the logistic function of (location - distance) / scale."""

    def arrays(self) -> Mapping[str, np.ndarray]:
        """The fields as float32 arrays; `scaling` holds location and scale."""
        fields = {"mean": self.mean, "whitening": self.whitening, "centers": self.centers, "background": self.background}
        fields["scaling"] = np.array([self.location, self.scale])
        return {name: np.ascontiguousarray(array, np.float32) for name, array in fields.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Distance:
        """From what `arrays` returned."""
        location, scale = map(float, arrays["scaling"])
        return cls(arrays["mean"], arrays["whitening"], arrays["centers"], arrays["background"], location, scale)

    def less(self, share: float) -> Distance:
        """The distance with a share, 0 to 1, of its background."""
        return replace(self, background=share * self.background)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """The distance of each row, (rows,). features: (rows, width)."""
        whitened = (features - self.mean) @ self.whitening
        nearest = (np.square(self.centers).sum(-1) - 2 * whitened @ self.centers.T).min(-1)
        distances: np.ndarray = nearest + np.square(whitened) @ (1 - self.background)
        return distances

    def familiarity(self, features: np.ndarray) -> np.ndarray:
        """The familiarity of each row, (rows,), from 0 to 1. features: (rows, width)."""
        familiarity: np.ndarray = expit((self.location - self.distances(features)) / self.scale)
        return familiarity

    def scaled(self, features: np.ndarray) -> Distance:
        """The distance with the location and scale that make familiarity about the share of known texts that are stranger.

        The familiarity is `TYPICAL` at the median of these rows and `RARE` at the distance that this share of them exceeds.
        features: (rows, width), of known texts that the distance was not fitted to.
        """
        if not len(features):
            return self
        distances = self.distances(features)
        median, far = np.quantile(distances, [0.5, 1 - RARE])
        return replace(self, location=float(median), scale=max(float(far - median) / np.log(1 / RARE - 1), 1e-6))


def fit_distance(features: np.ndarray, targets: np.ndarray) -> Distance:
    """Fits the distance, less the whole background, to training rows.

    features: (rows, width). targets: (rows,), the class number of each row.
    """
    mean, deviation = features.mean(0), features.std(0)
    scale = np.maximum(deviation, LEAST * deviation.mean())  # some encoders have dead features
    standard = ((features - mean) / scale).astype(np.float64)
    parts = _parts(standard, targets)
    centers = np.stack([standard[parts == part].mean(0) for part in range(parts.max() + 1)])
    within = ledoit_wolf(standard - centers[parts], assume_centered=True)[0] + RIDGE * np.eye(len(mean))
    total = ledoit_wolf(standard, assume_centered=True)[0]
    variances, whitening = eigh(total, within)
    return Distance(mean, whitening / scale[:, None], centers @ whitening, 1 / variances)


def _parts(standard: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The number of the center of each row, (rows,): of its class, or where classes are few, of a part of its class."""
    least = max(ROWS_A_PART, len(targets) / PARTS)
    parts, count = np.zeros(len(targets), np.int64), 0
    for target in np.unique(targets):
        rows = np.flatnonzero(targets == target)
        clusters = KMeans(max(1, int(len(rows) / least)), init="random", n_init=1, max_iter=10, random_state=0)
        numbers = np.unique(clusters.fit_predict(standard[rows]), return_inverse=True)[1]
        parts[rows] = count + numbers
        count += numbers.max() + 1
    return parts
