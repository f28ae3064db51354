"""The table of the competing candidates."""

from __future__ import annotations

from framework.contracts.message import joined, message, messages
from framework.contracts.section import Section
from framework.machine.disk import megabytes
from framework.run.selection.result import Ranked, Selection


def candidates_table(selection: Selection) -> Section:
    """Every competing candidate with its score on the rows that it was judged on, the interval of the score, its metrics on the
    validation rows, its costs and why it does not ship; those that were not fitted last.
    """
    names = [selection.metric, *(name for name in _metrics(selection) if name != selection.metric)]
    rows: list[tuple[object, ...]] = [
        (
            ranked.candidate,
            f"{ranked.score.value:.4f}",
            _interval(ranked),
            f"{ranked.rows:,}",
            *(_number(ranked, name) for name in names[1:]),
            f"{ranked.fit_seconds:.1f}",
            megabytes(ranked.peak_bytes),
            "" if ranked.row_seconds is None else f"{1000 * ranked.row_seconds:.3g}",
            ranked.reason or message("is chosen"),
        )
        for ranked in selection.ranking
    ]
    empty = [""] * (len(names) + 5)
    rows += [(name, *empty, joined(reasons, "; ")) for name, reasons in selection.refused.items()]
    header = (
        message("candidate"),
        names[0],
        *messages("95 % interval", "rows"),
        *names[1:],
        *messages("fit seconds", "memory", "ms a row", "outcome"),
    )
    return Section(message("Candidates on validation"), header, rows, selection.decision, leads=True)


def _metrics(selection: Selection) -> list[str]:
    return list(dict.fromkeys(name for ranked in selection.ranking for name in ranked.metrics))


def _number(ranked: Ranked, metric: str) -> str:
    return f"{ranked.metrics[metric]:.4f}" if metric in ranked.metrics else ""


def _interval(ranked: Ranked) -> str:
    low, high = ranked.score.low, ranked.score.high
    return "" if low is None or high is None else message("{low:.4f} to {high:.4f}", low=low, high=high)
