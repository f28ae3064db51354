"""Fits a classifier's familiarity and its threshold, and shows how other scores compare on the same rows. No torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from framework import Json, Section, message
from framework_classification import Classification
from framework_classification.familiarity.comparison import Evidence, compare
from framework_classification.familiarity.thresholds import NEVER, best_share, familiarity_threshold
from framework_text.familiarity import Distance, fit_distance

ROWS = 20_000  # training rows that the distance is fitted to, at most
FILE = "familiarity.safetensors"  # in the fitted folder: the arrays of a `Distance`


def fit_familiarity(
    options: Classification, evidence: Evidence, show: Callable[[Section], None]
) -> tuple[Distance | None, dict[str, Json]]:
    """The distance, fitted to training rows, and the codec settings of its threshold, chosen on the other rows; None and no
    settings where `options.refuse_known` is None.

    show: takes a section with the shares that are refused, and how other scores compare.
    """
    if options.refuse_known is None:
        return None, {}
    comparison = compare(evidence)
    rows = np.unique(np.linspace(0, len(evidence.train) - 1, ROWS).astype(int))
    fitted = fit_distance(evidence.train[rows], evidence.targets[rows])
    distance = fitted.less(comparison.background).scaled(evidence.known)
    known, unknown = distance.familiarity(evidence.known), distance.familiarity(evidence.unknown)
    share = best_share(options.refuse_known, known, unknown) if len(unknown) else options.refuse_known
    threshold = familiarity_threshold(share, known)
    show(comparison.section(share, _note(options.refuse_known, threshold, known, unknown)))
    return distance, {"refuses": share, "familiarity_threshold": threshold}


def save_distance(distance: Distance | None, folder: Path) -> None:
    """Writes the distance into a fitted folder, for `load_distance`."""
    if distance is not None:
        save_file(dict(distance.arrays()), folder / FILE)


def load_distance(folder: Path) -> Distance | None:
    """The distance in a fitted folder; None where there is none."""
    return Distance.of(load_file(folder / FILE)) if (folder / FILE).exists() else None


def _note(allowed: float, threshold: float, known: np.ndarray, unknown: np.ndarray) -> str:
    """What the threshold does, on the rows that it was chosen on."""
    if threshold == NEVER:
        return message(
            "warning: {rows:,} validation rows are too few for task.refuse_known={allowed}, which takes {least:,}: no text "
            "will be called unfamiliar",
            rows=len(known),
            allowed=allowed,
            least=int(np.ceil(1 / allowed)) - 1,
        )
    if not len(unknown):
        return message(
            "texts below a familiarity of {threshold:.3f} are called unfamiliar: {refused:.1%} of the validation rows, of "
            "which at most {allowed:.1%} may be (task.refuse_known=)",
            threshold=threshold,
            refused=(known < threshold).mean(),
            allowed=allowed,
        )
    return message(
        "texts below a familiarity of {threshold:.3f} are called unfamiliar: {refused:.1%} of the validation rows, of which at "
        "most {allowed:.1%} may be (task.refuse_known=), and {unknown:.1%} of {rows:,} rows that belong to no class",
        threshold=threshold,
        refused=(known < threshold).mean(),
        allowed=allowed,
        unknown=(unknown < threshold).mean(),
        rows=len(unknown),
    )
