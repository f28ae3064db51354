"""Judges how well a classifier's familiarity tells known texts from those that belong to no class. No torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework import Answers, Lines, Section, Series, Table, message, messages
from framework_classification.codec import LabelCodec

POINTS = 50  # of a curve


def rows_of_classes(answers: Answers, table: Table) -> np.ndarray:
    """Whether each row belongs to a class, (rows,) bool: all rows but those with the codec's out-of-scope label."""
    label = answers.codec.out_of_scope if isinstance(answers.codec, LabelCodec) else None
    return np.fromiter((value != label for value in table.texts("label")), bool, len(table))


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """The probability that a known text is more familiar than an unknown one, ties counting half (Mann and Whitney 1947).

    known, unknown: familiarities, (rows,) each.
    """
    ordered = np.sort(unknown)
    lower, not_higher = (np.searchsorted(ordered, known, side) for side in ("left", "right"))
    return float((lower + not_higher).mean() / (2 * len(unknown)))


def familiarity_metrics(answers: Answers, belongs: np.ndarray) -> dict[str, float]:
    """The share of known rows that are called unfamiliar, and with rows of no class theirs and the AUROC; empty for answers
    without familiarity.

    belongs: whether each row belongs to a class.
    """
    if "familiarity" not in answers.responses[0]:
        return {}
    familiarity, familiar = _values(answers)
    metrics = {"known_refused": float(1 - familiar[belongs].mean())}
    if not belongs.all():
        metrics["unknown_refused"] = float(1 - familiar[~belongs].mean())
        metrics["familiarity_auroc"] = auroc(familiarity[belongs], familiarity[~belongs])
    return metrics


def familiarity_section(answers: Answers, belongs: np.ndarray, metrics: Mapping[str, float]) -> Section:
    """The shares of rows that are called unfamiliar, and the distributions of familiarity."""
    familiarity, familiar = _values(answers)
    parts = {message("of known classes"): belongs}
    if not belongs.all():
        parts[message("of no class")] = ~belongs
    rows = [
        (name, f"{part.sum():,}", f"{(part & ~familiar).sum():,}", f"{1 - familiar[part].mean():.1%}")
        for name, part in parts.items()
    ]
    note = message(
        "Texts that are called unfamiliar are unlike those that the model was made for; there are no test rows that belong to "
        "no class, which would tell how many of these are found."
    )
    if "familiarity_auroc" in metrics:
        note = message(
            "A known text is more familiar than one of no class with a probability of {auroc:.4f} (AUROC).",
            auroc=metrics["familiarity_auroc"],
        )
    chart = Lines(
        message("Familiarity of test rows"),
        message("familiarity"),
        message("share of rows that are less familiar"),
        [_curve(name, familiarity[part]) for name, part in parts.items()],
    )
    header = ("", *messages("test rows", "called unfamiliar", "share"))
    return Section(message("Familiarity"), header, rows, note, charts=(chart,))


def _curve(name: str, values: np.ndarray) -> Series:
    """The cumulative distribution of values."""
    shares = np.linspace(0, 1, POINTS)
    return Series(name, [round(float(share), 4) for share in shares], [round(float(x), 4) for x in np.quantile(values, shares)])


def _values(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Familiarity float64 and whether it is enough, (rows,) each."""
    familiarity = np.array([response["familiarity"] for response in answers.responses])
    return familiarity, np.array([response["familiar"] for response in answers.responses])
