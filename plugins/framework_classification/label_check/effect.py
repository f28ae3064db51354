"""What leaving suspicious rows out of training would change on validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework import Message, Metric, message
from framework_classification.label_check.out_of_fold import FixedFeatures

DRAWS = 1000  # bootstrap samples
TAIL = 2.5  # per cent on either side of the interval


@dataclass(frozen=True)
class Effect:
    """A metric on validation of the classifier fitted to all training rows, and of the one fitted without some."""

    metric: str
    before: float
    after: float
    low: float
    """The lower end of the 95 % interval of the difference, from the paired bootstrap over validation rows."""
    high: float

    def sentence(self) -> Message:
        return message(
            "Leaving them out of training would change {metric} on validation from {before:.4f} to {after:.4f} (95 % interval "
            "of the difference {low:+.4f} to {high:+.4f}), measured with the classifier that found them.",
            metric=self.metric,
            before=self.before,
            after=self.after,
            low=self.low,
            high=self.high,
        )


def effect_of_leaving_out(
    features: FixedFeatures, targets: np.ndarray, left_out: np.ndarray, truth: np.ndarray, metric: Metric, seed: int
) -> Effect | None:
    """The effect of fitting without the rows `left_out`; None where no class, or only one, would remain.

    targets, truth: class numbers of the training and of the validation rows.
    """
    kept = np.setdiff1d(np.arange(len(targets)), left_out)
    if len(np.unique(targets[kept])) < 2:
        return None
    predicted = features.fit(targets, kept).predict(features.validation)
    random, differences = np.random.default_rng(seed), np.empty(DRAWS)
    for draw in range(DRAWS):
        drawn = random.integers(len(truth), size=len(truth))
        before, after = (score(metric.name, answers[drawn], truth[drawn]) for answers in (features.predicted, predicted))
        differences[draw] = after - before
    low, high = np.percentile(differences, [TAIL, 100 - TAIL])
    before, after = score(metric.name, features.predicted, truth), score(metric.name, predicted, truth)
    return Effect(metric.name, before, after, float(low), float(high))


def score(metric: str, predicted: np.ndarray, truth: np.ndarray) -> float:
    """Accuracy, or macro-F1 over the classes that occur or are predicted; predicted, truth: (rows,) class numbers.

    Equal to the functions in `metrics`, without their matrix of classes, which a thousand samples are too many for.
    """
    if metric == "accuracy":
        return float((predicted == truth).mean())
    classes = max(predicted.max(), truth.max()) + 1
    support = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    hits = np.bincount(truth[predicted == truth], minlength=classes)
    return float((2 * hits[support > 0] / support[support > 0]).mean())
