"""What people see of a search: a line for each trial, and a table of them all."""

from __future__ import annotations

from framework.contracts.message import joined, message, messages
from framework.contracts.section import Section
from framework.run.search.record import FIRST, SearchRecord, SearchTrial


def result_line(record: SearchRecord, trial: SearchTrial, left: float) -> str:
    """One line for the console. left: seconds."""
    best = record.trial(record.best)
    outcome = trial.lost or "the best so far"
    remaining = "" if left == float("inf") else f", {left:.0f} s left"
    value = f"{record.metric} {trial.score:.4f}" if trial.score is not None else "no score"
    so_far = f"{best.score:.4f}" if best.score is not None else "none"
    return f"trial {trial.number} of {record.candidate}, {changes(trial)}: {value}, {outcome} (best {so_far}{remaining})"


def changes(trial: SearchTrial) -> str:
    """The settings of a trial as they are written in a recipe, without the sections of their keys."""
    if trial.number == FIRST:
        return message("the recipe's own settings")
    settings = ", ".join(f"{key.rpartition('.')[2]}={_written(value)}" for key, value in trial.settings.items())
    if trial.begin is not None:
        settings = message("goes on from trial {begin}: {settings}", begin=trial.begin, settings=settings)
    if trial.averaged is not None:
        settings = message("{settings}; averaged with trial {other}", settings=settings, other=trial.averaged)
    return settings


def _written(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def no_search(record: SearchRecord, title: str, left: float) -> Section:
    """Says that there was no search. title: of the candidate. left: seconds that remain for one."""
    note = message(
        "{reason}: {seconds:.0f} s would be needed again, {left:.0f} s are left",
        reason=record.ended,
        seconds=record.trial(FIRST).seconds,
        left=left,
    )
    return Section(message("Search of {title}", title=title), note=note)


def table(record: SearchRecord, title: str) -> Section:
    """All trials of a search. title: of the candidate."""
    rows = [_row(record, trial) for trial in record.trials]
    best, own = record.trial(record.best), record.trial(FIRST)
    notes = [message("The search ended: {reason}.", reason=record.ended)]
    if best.number == FIRST:
        notes.append(message("No trial is better than the recipe's own settings by more than the spread; these are kept."))
    elif best.score is not None and own.score is not None:
        notes.append(
            message(
                "Trial {number} takes their place: {metric} {score:.4f} instead of {own:.4f} on the validation rows.",
                number=best.number,
                metric=record.metric,
                score=best.score,
                own=own.score,
            )
        )
    if any(trial.averaged is not None and not trial.lost for trial in record.trials):
        notes.append(message("A mean with the best takes its place by any gain."))
    notes.append(message("± is the standard error of the difference to the best trial before, by the paired bootstrap."))
    header = (message("trial"), message("settings"), record.metric, "±", *messages("seconds", "memory", "why it lost"))
    return Section(message("Search of {title}", title=title), header, rows, joined(notes))


def _row(record: SearchRecord, trial: SearchTrial) -> tuple[object, ...]:
    return (
        trial.number,
        changes(trial),
        "" if trial.score is None else f"{trial.score:.4f}",
        "" if trial.spread is None else f"{trial.spread:.4f}",
        f"{trial.seconds:.1f}",
        f"{trial.peak_bytes / 1e6:,.0f} MB" if trial.peak_bytes else "",
        trial.lost or (message("ships if the candidate does") if trial.number == record.best else message("beaten later")),
    )
