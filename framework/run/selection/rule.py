"""The rule of the selection: the best score ships, unless a candidate that is as good is cheaper to serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framework.contracts.message import Message, joined, message
from framework.export.reports import SIMILAR
from framework.run.selection.result import Ranked


def choose(ranking: Sequence[Ranked], tolerance: float) -> Ranked:
    """The candidate that ships: of those that can replace the best, the cheapest to serve; of those that cost about the same,
    the one with the best score.

    An interval that contains 0 is not enough, because that of few rows always does: the loss that the rows cannot exclude must
    be at most `tolerance`, as in a test of non-inferiority. ranking: the best score first.
    """
    equals = [ranking[0], *(ranked for ranked in ranking[1:] if ranked.can_replace(ranking[0], tolerance))]
    least = min(_seconds(ranked) for ranked in equals)
    return next(ranked for ranked in equals if SIMILAR * _seconds(ranked) <= least)


def with_reasons(ranking: Sequence[Ranked], chosen: Ranked, tolerance: float) -> tuple[Ranked, ...]:
    """The ranking with the reason why each candidate other than the chosen one does not ship."""
    return tuple(one if one is chosen else replace(one, reason=_reason(one, ranking[0], chosen, tolerance)) for one in ranking)


def _reason(one: Ranked, best: Ranked, chosen: Ranked, tolerance: float) -> Message:
    loss = one.score.loss
    if one is best or one.can_replace(best, tolerance):
        return message(
            "as good as {chosen} as far as {rows:,} rows can tell, but {costs}",
            chosen=chosen.candidate,
            rows=one.rows,
            costs=_costs(one, chosen),
        )
    if loss is None:
        below = abs(one.score.value - best.score.value)
        return message("{below:.4f} worse than {best}; samples for an interval take too long", below=below, best=one.best)
    interval = message(
        "{loss:.4f} worse than {best} on {rows:,} rows, 95 % interval {low:.4f} to {high:.4f}",
        loss=loss.value,
        best=one.best,
        rows=one.rows,
        low=loss.low,
        high=loss.high,
    )
    if loss.low > 0:
        return interval
    return message("{interval}: above select.tolerance={tolerance:g}", interval=interval, tolerance=tolerance)


def decision(ranking: Sequence[Ranked], chosen: Ranked, tolerance: float, metric: str) -> str:
    """Sentences that say which candidate is chosen and why."""
    best, others = ranking[0], ranking[1:]
    if chosen is not best:
        return _cheaper(best, chosen, tolerance, metric)
    values = {"best": best.candidate, "metric": metric, "rows": best.rows}
    parts: list[str] = [message("{best} is chosen, best by {metric} on {rows:,} held-out rows", **values)]
    equals = [one.candidate for one in others if one.can_replace(best, tolerance)]
    doubtful = [one.candidate for one in others if one.may_be_best and one.candidate not in equals]
    if equals:
        parts.append(message("{names}: may be as good, but not cheaper to serve", names=", ".join(equals)))
    if doubtful:
        parts.append(
            message(
                "{names}: not shown to be worse, but these rows cannot exclude a loss above select.tolerance={tolerance:g}",
                names=", ".join(doubtful),
                tolerance=tolerance,
            )
        )
    return joined(parts, "; ")


def _cheaper(best: Ranked, chosen: Ranked, tolerance: float, metric: str) -> Message:
    values = {"chosen": chosen.candidate, "best": best.candidate, "metric": metric, "rows": best.rows}
    costs, loss = _costs(best, chosen), chosen.score.loss
    if loss is None or loss.value == 0:
        return message(
            "{chosen} is chosen: {best} has the same {metric} on {rows:,} held-out rows, and is {costs}", costs=costs, **values
        )
    return message(
        "{chosen} is chosen: {best} is better by {loss:.4f} {metric} on {rows:,} held-out rows, which may be chance, and is "
        "{costs}; what {chosen} loses is at most {most:.4f} (95 % interval), within select.tolerance={tolerance:g}",
        loss=loss.value,
        most=loss.high,
        tolerance=tolerance,
        costs=costs,
        **values,
    )


def _costs(one: Ranked, chosen: Ranked) -> Message:
    times = _seconds(one) / max(_seconds(chosen), 1e-9)
    if 1 < SIMILAR * times < float("inf"):
        return message("{times:.1f} times slower to serve", times=times)
    return message("not cheaper to serve")


def _seconds(ranked: Ranked) -> float:
    return float("inf") if ranked.row_seconds is None else ranked.row_seconds
