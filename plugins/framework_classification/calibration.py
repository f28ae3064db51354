"""Temperature scaling (Guo et al. 2017), and the threshold below which a classifier abstains (Chow 1970)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from framework import Response, Section, Table, message
from framework_classification import Classification
from framework_classification.codec import tempered
from framework_classification.familiarity.thresholds import familiarity_threshold

RANGE = (float(np.log(0.25)), float(np.log(10.0)))  # of the log temperature; few rows must not push it further
EDGE = 0.01  # distance from the lower end of the range within which the optimum counts as outside
FEW = 20  # rows below which a temperature would be chance
UNFITTED = 1.0  # the temperature that leaves probabilities unchanged
NEVER = 1.0  # the threshold where no confidence reaches the precision
IMPOSSIBLE = -1e4  # the logit of a class without training rows: its probability is 0 at every temperature


def nothing_to_fit(logits: np.ndarray, targets: np.ndarray) -> str | None:
    """Why no temperature can be fitted to these rows; None where one can. Shapes as in `fit_temperature`."""
    if len(targets) < FEW:
        return message("{rows:,} validation rows are too few", rows=len(targets))
    if len(np.unique(targets)) < 2:
        return message("every validation row has the same label")
    if (logits.argmax(-1) == targets).all():
        return message("every validation row is answered rightly, and the likeliest temperature would be as small as can be")
    return None


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood of targets (rows,) under logits (rows, classes).

    1 where none can be fitted, and where the minimum lies below the allowed range.
    """
    if nothing_to_fit(logits, targets):
        return UNFITTED

    def loss(log_temperature: float) -> float:
        scores = log_softmax(logits / np.exp(log_temperature), axis=-1)
        return float(-scores[np.arange(len(targets)), targets].mean())

    optimum = minimize_scalar(loss, bounds=RANGE, method="bounded").x
    return UNFITTED if optimum < RANGE[0] + EDGE else float(np.exp(optimum))


def threshold_for(precision: float, confidence: np.ndarray, right: np.ndarray) -> float:
    """The smallest confidence at and above which at least a share `precision` of the answers is right; 1.0 if there is none.

    confidence: (rows,) of the answers. right: (rows,) bool. On other rows the precision varies around that of these rows.
    """
    order = np.argsort(-confidence, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(confidence[order]) != 0, True)  # answers of equal confidence stay on one side of the threshold
    enough = np.flatnonzero((shares >= precision) & last)
    return float(confidence[order][enough[-1]]) if len(enough) else NEVER


def calibrated(
    options: Classification, logits: np.ndarray, targets: np.ndarray, show: Callable[[Section], None]
) -> tuple[float, dict[str, float]]:
    """The temperature, and the codec settings of abstention, from validation rows.

    Shapes as in `fit_temperature`. Rows of a class that the model cannot predict are left out of the temperature's fit.
    show: takes a section where the temperature stays 1, and where nearly every answer will abstain.
    """
    possible = logits[np.arange(len(targets)), targets] > IMPOSSIBLE / 2
    temperature = fit_temperature(logits[possible], targets[possible])
    if temperature == UNFITTED:
        smallest = message("the likeliest one is smaller than any that few rows can show")
        why = nothing_to_fit(logits[possible], targets[possible]) or smallest
        note = message("it stays 1, so that probabilities are not calibrated: {why}", why=why)
        show(Section(message("Temperature"), note=note))
    abstains = abstention(options, logits / temperature, targets)
    if abstains.get("threshold") == NEVER:
        show(Section(message("Abstention"), note=_always_abstains(options)))
    return temperature, abstains


def abstention(options: Classification, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Codec settings with the threshold that reaches `options.abstain_precision` on these rows; none without that option."""
    if options.abstain_precision is None:
        return {}
    confidence, right = softmax(logits, axis=-1).max(-1), logits.argmax(-1) == targets
    return {
        "precision": options.abstain_precision,
        "threshold": threshold_for(options.abstain_precision, confidence, right),
    }


def _always_abstains(options: Classification) -> str:
    return message(
        "warning: however sure, the model is not right that often on validation, so nearly every answer will be marked as an "
        "abstention; ask for less than task.abstain_precision={precision}, or add training rows",
        precision=options.abstain_precision,
    )


def refit(responses: Sequence[Response], table: Table, settings: Mapping[str, Any]) -> dict[str, object]:
    """Codec settings for a lossy file: its own temperature, the threshold for the precision in `settings`, and the one of
    familiarity for the share of known texts that `settings` refuse.

    responses: of the file to the rows of the table.
    """
    pairs = [
        (r, label) for r, label in zip(responses, table.texts("label"), strict=True) if label != settings.get("out_of_scope")
    ]
    labels = list(settings["labels"])
    probabilities = np.array([[r["probabilities"][label] for label in labels] for r, _ in pairs])
    targets = np.array([labels.index(label) for _, label in pairs])
    temperature = fit_temperature(np.log(np.maximum(probabilities, 1e-30)), targets)
    refitted: dict[str, object] = {"temperature": temperature}
    if "threshold" in settings:
        scaled = tempered(probabilities, temperature)
        refitted["threshold"] = threshold_for(settings["precision"], scaled.max(-1), scaled.argmax(-1) == targets)
    if "familiarity_threshold" in settings:
        familiarity = np.array([response["familiarity"] for response, _ in pairs])
        refitted["familiarity_threshold"] = familiarity_threshold(settings["refuses"], familiarity)
    return refitted
