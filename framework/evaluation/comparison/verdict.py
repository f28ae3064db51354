"""What a comparison comes to, in words."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from framework.contracts.evaluation import Metric
from framework.errors import some
from framework.evaluation.comparison.result import Difference, Outcome, Part

POWER = 0.8  # the chance that so many rows would tell two models apart that differ as much as these seem to
TOO_MANY = 1e9  # rows that nobody will label


def outcome_of(metric: Metric, judged: Difference) -> Outcome:
    """Of B. An interval that holds 0 decides nothing."""
    assert judged.low is not None
    assert judged.high is not None
    if judged.low <= 0 <= judged.high:
        return "same" if judged.difference == 0 and judged.spread == 0 else "undecided"
    return "better" if (judged.low > 0) == metric.maximize else "worse"


def verdict_of(metric: Metric, judged: Difference, rows: int, confidence: float, parts: Sequence[Part]) -> str:
    """Sentences: which is better, by how much and how surely, and what got worse although the whole did not."""
    outcome = outcome_of(metric, judged)
    numbers = (
        f"{judged.name} {judged.b:.4f} against {judged.a:.4f}, {judged.difference:+.4f} "
        f"({confidence:.0%} interval {judged.low:+.4f} to {judged.high:+.4f})"
    )
    if outcome == "same":
        whole = f"A and B are equally good on every sample of these {rows:,} rows: {judged.name} {judged.a:.4f}."
    elif outcome == "undecided":
        whole = f"These {rows:,} rows cannot tell A and B apart: {numbers}. {_more_rows(judged, rows, confidence)}"
    else:
        whole = f"B is {outcome} than A on these {rows:,} rows: {numbers}."
    return f"{whole} {_regressions(outcome, parts, confidence)}".strip()


def rows_needed(judged: Difference, rows: int, confidence: float) -> float:
    """About how many rows would tell the two apart, if the difference is what it looks like; the normal approximation."""
    if not judged.difference or judged.spread is None:
        return float("inf")
    normal = NormalDist()
    deviations = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    return rows * (deviations * judged.spread / abs(judged.difference)) ** 2


def _more_rows(judged: Difference, rows: int, confidence: float) -> str:
    needed = rows_needed(judged, rows, confidence)
    if needed > TOO_MANY:
        return "They are so alike that no number of rows would help."
    return f"If they differ as much as it looks, about {_rounded(needed):,} rows would tell them apart, four times in five."


def _rounded(count: float) -> int:
    """To two digits."""
    return int(float(f"{count:.1e}"))


def _regressions(outcome: Outcome, parts: Sequence[Part], confidence: float) -> str:
    worse = [
        f"{part.score.name} ({part.score.a:.4f} to {part.score.b:.4f}, p = {part.p:.2g})" for part in parts if part.regressed
    ]
    if not worse:
        return ""
    although = "" if outcome == "worse" else "Although the whole is not worse, "
    named = some(worse, quoted=False, longest=200)
    return f"{although}B is significantly worse on {named}, at the level {1 - confidence:.2g} for all parts together."
