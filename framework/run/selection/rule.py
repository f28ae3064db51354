"""The rule of the selection: the best score on validation ships, unless a candidate that is as good is cheaper to serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framework.contracts.message import Message, joined, message
from framework.export.reports import SIMILAR
from framework.run.selection.result import Ranked


def choose(ranking: Sequence[Ranked], tolerance: float) -> Ranked:
    """The candidate that ships: of those that can replace the best, the cheapest to serve; of those that cost about the same,
    the one with the best score.

    A smaller loss than the best is not enough: few rows show no loss at all, so that the loss which the rows cannot exclude
    must be at most `tolerance`, as in a test of non-inferiority. ranking: the best score first.
    """
    best = ranking[0]
    equals = [ranked for ranked in ranking if ranked is best or ranked.can_replace(best, tolerance)]
    least = min(_seconds(ranked) for ranked in equals)
    return next(ranked for ranked in equals if SIMILAR * _seconds(ranked) <= least)


def with_reasons(ranking: Sequence[Ranked], chosen: Ranked, tolerance: float, rows: int) -> tuple[Ranked, ...]:
    """The ranking with the reason why each candidate other than the chosen one does not ship."""
    best = ranking[0]
    return tuple(
        ranked if ranked is chosen else replace(ranked, reason=_reason(ranked, best, chosen, tolerance, rows))
        for ranked in ranking
    )


def _reason(ranked: Ranked, best: Ranked, chosen: Ranked, tolerance: float, rows: int) -> Message:
    loss = ranked.score.loss
    if ranked is best or ranked.can_replace(best, tolerance):
        return message(
            "as good as {chosen} as far as {rows:,} rows can tell, but {costs}",
            chosen=chosen.candidate,
            rows=rows,
            costs=_costs(ranked, chosen),
        )
    below = message(
        "{difference:.4f} worse than {best}", difference=abs(ranked.score.value - best.score.value), best=best.candidate
    )
    if loss is None:
        return message("{below}; no interval could be computed in time", below=below)
    interval = message("{below}, 95 % interval {low:.4f} to {high:.4f}", below=below, low=loss.low, high=loss.high)
    if loss.low > 0:
        return interval
    return message(
        "{interval}: {rows:,} rows cannot exclude a loss above select.tolerance={tolerance:g}",
        interval=interval,
        rows=rows,
        tolerance=tolerance,
    )


def decision(ranking: Sequence[Ranked], chosen: Ranked, tolerance: float, metric: str, rows: int) -> str:
    """Sentences that say which candidate validation chooses and why."""
    best = ranking[0]
    if chosen is not best:
        return _cheaper(best, chosen, tolerance, metric, rows)
    first = message("{best} is best by {metric} on {rows:,} validation rows", best=best.candidate, metric=metric, rows=rows)
    doubtful = [ranked for ranked in ranking[1:] if _undecided(ranked) and not ranked.can_replace(best, tolerance)]
    equals = [ranked for ranked in ranking[1:] if ranked.can_replace(best, tolerance)]
    parts: list[str] = [first]
    if equals:
        names = ", ".join(ranked.candidate for ranked in equals)
        parts.append(message("{names} may be as good, and would not be cheaper to serve", names=names))
    if doubtful:
        parts.append(
            message(
                "these rows cannot tell {names} from it, but neither exclude a loss above select.tolerance={tolerance:g}, so "
                "that the best score decides",
                names=", ".join(ranked.candidate for ranked in doubtful),
                tolerance=tolerance,
            )
        )
    return joined(parts, "; ")


def _cheaper(best: Ranked, chosen: Ranked, tolerance: float, metric: str, rows: int) -> Message:
    if chosen.score.value == best.score.value:
        return message(
            "{chosen} and {best} have the same {metric} on {rows:,} validation rows; {best} is {costs}, so {chosen} is chosen",
            chosen=chosen.candidate,
            best=best.candidate,
            metric=metric,
            rows=rows,
            costs=_costs(best, chosen),
        )
    assert chosen.score.loss is not None
    return message(
        "{chosen} is chosen, although {best} is {loss:.4f} better by {metric} on {rows:,} validation rows: that is within "
        "chance, the most that is lost is {most:.4f} (95 % interval; select.tolerance={tolerance:g}), and {best} is {costs}",
        chosen=chosen.candidate,
        best=best.candidate,
        loss=chosen.score.loss.value,
        metric=metric,
        rows=rows,
        most=chosen.score.loss.high,
        tolerance=tolerance,
        costs=_costs(best, chosen),
    )


def _costs(ranked: Ranked, chosen: Ranked) -> Message:
    times = _seconds(ranked) / max(_seconds(chosen), 1e-9)
    if SIMILAR * times > 1 and times < float("inf"):
        return message("{times:.1f} times slower to serve", times=times)
    return message("not cheaper to serve")


def _undecided(ranked: Ranked) -> bool:
    return ranked.score.loss is not None and ranked.score.loss.low <= 0


def _seconds(ranked: Ranked) -> float:
    return float("inf") if ranked.row_seconds is None else ranked.row_seconds
