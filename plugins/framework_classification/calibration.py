"""Temperature scaling (Guo et al. 2017) and how well probabilities match frequencies."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

RANGE = (float(np.log(0.25)), float(np.log(10.0)))  # of the logarithm of the temperature; few rows must not go further


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood of targets (rows,) under logits (rows, classes)."""

    def loss(log_temperature: float) -> float:
        scores = log_softmax(logits / np.exp(log_temperature), axis=-1)
        return float(-scores[np.arange(len(targets)), targets].mean())

    found = minimize_scalar(loss, bounds=RANGE, method="bounded")
    return float(np.exp(found.x))


def uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Undoes a temperature: softmax(T log p) are the probabilities that the model gave before scaling."""
    scores: np.ndarray = softmax(temperature * np.log(np.maximum(probabilities, 1e-30)), axis=-1)
    return scores
