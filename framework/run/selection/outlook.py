"""What more time and more rows would bring, as far as the run has measured it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from framework.contracts.message import Message, joined, message
from framework.evaluation.comparison.result import Difference
from framework.evaluation.comparison.verdict import TOO_MANY, rounded, rows_needed
from framework.run.fit import Trial
from framework.run.selection.result import Ranked

USED_UP = 0.9  # share of its time from which on a fit was ended by it


def outlook(ranking: Sequence[Ranked], trials: Mapping[str, Trial], tolerance: float, rows: int) -> tuple[str, ...]:
    """A sentence on each thing that more time, or more held-out rows, would change. ranking: the best first, or empty.

    trials: of the competing candidates, by name. rows: number of training rows.
    """
    return (*_more_time(trials, rows), *_more_rows(ranking, tolerance))


def _more_time(trials: Mapping[str, Trial], rows: int) -> Iterator[Message]:
    limited = {name: trial for name, trial in trials.items() if trial.allowed is not None}
    late = [name for name, trial in limited.items() if trial.refused and not trial.allowed]
    if late:
        yield message("more time would let {names} take part", names=joined(late, ", "))
    fitted = {name: trial for name, trial in limited.items() if not trial.refused}
    for name, trial in list(fitted.items()):
        if trial.rows is not None and trial.rows < rows:
            del fitted[name]
            yield message("{name} learned from {part:,} of {rows:,} training rows", name=name, part=trial.rows, rows=rows)
    ended = [name for name, trial in fitted.items() if trial.seconds < USED_UP * (trial.allowed or 0)]
    for name, trial in fitted.items():
        if name not in ended:
            yield message(
                "{name} used up its {seconds:.0f} s: with more time its fit goes on, and nothing measured here says what that "
                "brings",
                name=name,
                seconds=trial.seconds,
            )
    if ended:
        yield message("more time would not change {names}, which ended before their time was up", names=joined(ended, ", "))


def _more_rows(ranking: Sequence[Ranked], tolerance: float) -> Iterator[Message]:
    for ranked in ranking:
        loss = ranked.score.loss
        if loss is None or not loss.value or ranked.settled(tolerance):
            continue
        needed = rows_needed(Difference("", 0.0, loss.value, spread=loss.spread), ranked.rows, 0.95)
        if needed < TOO_MANY:
            yield message(
                "about {needed:,} held-out rows in place of {rows:,} would tell {name} from {best}, if they differ as much as "
                "it looks",
                needed=rounded(needed),
                rows=ranked.rows,
                name=ranked.candidate,
                best=ranked.best,
            )
