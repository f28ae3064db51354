"""Which rows of a log are interactions, by the columns event, feedback, rating and quantity. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from framework import InputError, Table, codes, joined, message, nearest, numbers
from framework_recommendation.words import meaning

Say = Callable[[str], None]
SHOWN = 12  # values of a column named in a message, at most
Verdict = bool | None  # whether rows with a value are interactions; None: the value does not tell


def interactions(table: Table, events: Sequence[str] | None, say: Say = lambda _: None) -> Table:
    """The rows that are interactions, by the columns event, feedback and quantity, and by a rating in words such as "up".

    events: the values of the column event that are interactions; None: those whose plain meaning is one, such as "purchase".
    `say` is told how many rows of each value count. Raises InputError where the meaning of a value is unclear, and where no row
    is left.
    """
    if events is not None and "event" not in table.columns:
        raise InputError(f"task.events={list(events)}: {table.source} has no column of events; data.event=COLUMN names it")
    kept = np.ones(len(table), dtype=bool)
    if "event" in table.columns:
        kept &= _by_value(table, "event", lambda values: _events(values, events), say)
    if "feedback" in table.columns:
        kept &= _by_value(table, "feedback", _feedback, say)
    if in_words := _rated_in_words(table):
        kept &= _by_value(table, "rating", _feedback, say)
    if "quantity" in table.columns:
        kept &= _by_quantity(table, say)
    if not kept.any():
        raise InputError(f"{table.source}: by its {_roles(table)} no row is an interaction; data.ROLE=none counts every row")
    if in_words:
        table = replace(table, columns={name: values for name, values in table.columns.items() if name != "rating"})
    return table if kept.all() else table.take(np.flatnonzero(kept))


def check_events(table: Table, events: Sequence[str]) -> None:
    """Raises InputError naming each of the events that no row has."""
    values = codes(table.texts("event"))[1] if "event" in table.columns else []
    present = {value.strip().casefold() for value in values}
    unknown = [event for event in events if event.strip().casefold() not in present]
    if values and unknown:
        raise InputError(
            *(f"task.events: no row has the event {event!r}; {nearest(event, values, 'events')}" for event in unknown)
        )


def _roles(table: Table) -> str:
    return " and ".join(role for role in ("event", "feedback", "rating", "quantity") if role in table.columns)


def _by_value(table: Table, role: str, judge: Callable[[Sequence[str]], Sequence[Verdict]], say: Say) -> np.ndarray:
    """(rows,) bool: which rows are interactions, by a column of few values.

    judge: gives a verdict for each distinct value. Raises InputError where a value has no verdict.
    """
    numbered, values = codes(table.texts(role))
    counts = np.bincount(numbered, minlength=len(values)).tolist()
    verdicts = judge(values)
    rows, verdict_of = dict(zip(values, counts, strict=True)), dict(zip(values, verdicts, strict=True))
    if None in verdicts:
        raise InputError(f"{table.source}: {_question(role, _counted(values, rows))}")
    accepted, rejected = ([value for value in values if verdict_of[value] is verdict] for verdict in (True, False))
    parts = [message("interactions are {values}", values=_counted(accepted, rows))] if accepted else []
    parts += [message("left out as none: {values}", values=_counted(rejected, rows))] if rejected else []
    say(message("by the {role}, {parts}; {choice}", role=role, parts=joined(parts, "; "), choice=_choice(role)))
    kept: np.ndarray = np.array(verdicts, dtype=bool)[numbered]
    return kept


def _counted(values: Sequence[str], rows: Mapping[str, int]) -> str:
    """The values with their numbers of rows, the most frequent first, for a message; at most `SHOWN` are named."""
    ordered = sorted(values, key=lambda value: -rows[value])
    shown = joined((message("{value!r} ({rows:,} rows)", value=value, rows=rows[value]) for value in ordered[:SHOWN]), ", ")
    more = len(values) - SHOWN
    return message("{names} and {count:,} more", names=shown, count=more) if more > 0 else shown


def _choice(role: str) -> str:
    """The end of a message: the key of the recipe that decides otherwise."""
    if role == "event":
        return message("task.events=[...] chooses others")
    return message("data.{role}=none counts every row", role=role)


def _question(role: str, values: str) -> str:
    """The error for values of unclear meaning. role: of the column. values: the values of the column, for the message."""
    which = f"which values of the {role} are interactions and which are not is not clear: {values}"
    column = "" if role == "event" else "data.event=COLUMN (this column) "
    return f"{which}; write {column}task.events=[...] with those that are, or data.{role}=none to count every row"


def _events(values: Sequence[str], events: Sequence[str] | None) -> list[Verdict]:
    """Verdicts on events: by the recipe's list, or by their plain meaning."""
    if events is not None:
        chosen = {event.strip().casefold() for event in events}
        return [value.strip().casefold() in chosen for value in values]
    return _meanings(values)


def _feedback(values: Sequence[str]) -> list[Verdict]:
    """Verdicts on feedback: numbers above 0, or words that mean yes, are interactions."""
    parsed, wrong = numbers(values)
    if not len(wrong):
        return [value > 0 for value in parsed.tolist()]
    return _meanings(values)


def _meanings(values: Sequence[str]) -> list[Verdict]:
    """Verdicts by plain meaning. A single value that all rows share distinguishes nothing: it counts unless it means no."""
    if len(values) == 1 and values[0].strip():
        return [meaning(values[0]) is not False]
    return [meaning(value) for value in values]


def _rated_in_words(table: Table) -> bool:
    """Whether the column rating holds a few words with a plain meaning, such as "up" and "down", instead of numbers."""
    if "rating" not in table.columns:
        return False
    values = codes(table.texts("rating"))[1]
    return len(values) <= SHOWN and len(numbers(values)[1]) == len(values) and None not in _feedback(values)


def _by_quantity(table: Table, say: Say) -> np.ndarray:
    """(rows,) bool: which rows have a quantity above 0, or a quantity that is not a number."""
    quantities, wrong = numbers(table.texts("quantity"))
    kept: np.ndarray = ~(quantities <= 0)
    if not kept.all():
        negative, zeros = int((quantities < 0).sum()), int((quantities == 0).sum())
        counted = [message("{count:,} with a negative quantity (returns)", count=negative)] if negative else []
        counted += [message("{count:,} with a quantity of 0", count=zeros)] if zeros else []
        say(
            message(
                "{rows:,} of {all:,} rows were left out as no interactions: {reasons}; data.quantity=none counts every row",
                rows=negative + zeros,
                all=len(kept),
                reasons=joined(counted, " and "),
            )
        )
    if len(wrong):
        say(
            message(
                "{rows:,} rows whose quantity is no number count as interactions ({place}, for example)",
                rows=len(wrong),
                place=table.where(int(wrong[0])),
            )
        )
    return kept
