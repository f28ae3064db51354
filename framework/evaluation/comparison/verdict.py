"""The outcome of a comparison, and its verdict in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from framework.contracts.evaluation import Metric
from framework.errors import some
from framework.evaluation.comparison.result import Difference, Outcome, Part

POWER = 0.8  # probability with which the number of rows that `rows_needed` returns detects the difference
TOO_MANY = 1e9  # rows, more than anybody labels


def outcome_of(metric: Metric, judged: Difference) -> Outcome:
    """The outcome for B. judged: the difference of `metric`, with an interval; where that contains 0, the outcome is
    "undecided" or "same".
    """
    assert judged.low is not None
    assert judged.high is not None
    if judged.low <= 0 <= judged.high:
        return "same" if judged.difference == 0 and judged.spread == 0 else "undecided"
    return "better" if (judged.low > 0) == metric.maximize else "worse"


def verdict_of(metric: Metric, judged: Difference, rows: int, confidence: float, parts: Sequence[Part]) -> str:
    """Sentences: which model is better, by how much, with which interval; and the classes and slices on which B is worse.

    judged: as in `outcome_of`. rows: number of rows. parts: all classes and slices.
    """
    outcome = outcome_of(metric, judged)
    numbers = (
        f"{judged.name} {judged.b:.4f} against {judged.a:.4f}, {judged.difference:+.4f} "
        f"({confidence:.0%} interval {judged.low:+.4f} to {judged.high:+.4f})"
    )
    if outcome == "same":
        overall = f"A and B are equally good on every sample of these {rows:,} rows: {judged.name} {judged.a:.4f}."
    elif outcome == "undecided":
        overall = f"These {rows:,} rows cannot tell A and B apart: {numbers}. {_more_rows(judged, rows, confidence)}"
    else:
        overall = f"B is {outcome} than A on these {rows:,} rows: {numbers}."
    return f"{overall} {_regressions(outcome, parts, confidence)}".strip()


def rows_needed(judged: Difference, rows: int, confidence: float) -> float:
    """About how many rows detect a difference of this size with probability `POWER`, by the normal approximation; infinity
    without a difference. rows: number of rows on which `judged` was measured.
    """
    if not judged.difference or judged.spread is None:
        return float("inf")
    normal = NormalDist()
    deviations = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    return rows * (deviations * judged.spread / abs(judged.difference)) ** 2


def rounded(count: float) -> int:
    """The count, rounded to two significant digits."""
    return int(float(f"{count:.1e}"))


def _more_rows(judged: Difference, rows: int, confidence: float) -> str:
    needed = rows_needed(judged, rows, confidence)
    if needed > TOO_MANY:
        return "They are so alike that no number of rows would help."
    return f"If they differ as much as it looks, about {rounded(needed):,} rows would tell them apart, four times in five."


def _regressions(outcome: Outcome, parts: Sequence[Part], confidence: float) -> str:
    worse = [
        f"{part.score.name} ({part.score.a:.4f} to {part.score.b:.4f}, p = {part.p:.2g})" for part in parts if part.regressed
    ]
    if not worse:
        return ""
    although = "" if outcome == "worse" else "Although the whole is not worse, "
    names = some(worse, quoted=False, longest=200)
    return f"{although}B is significantly worse on {names}, at the level {1 - confidence:.2g} for all parts together."
