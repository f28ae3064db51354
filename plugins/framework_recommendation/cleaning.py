"""Filters a log: drops low ratings, repeated pairs, and users and items with too few rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework import InputError, message
from framework_recommendation.log import Log

Say = Callable[[str], None]


def clean(log: Log, say: Say = lambda _: None, *, threshold: float | None = None, repeats: bool = False, core: int = 0) -> Log:
    """The rows that are interactions, with users and items renumbered in their order. Each step tells `say` what it removed.

    threshold: the lowest rating that counts; None: every rating except dislikes, see `well_rated`. repeats: whether a user may
    take an item several times; if not, the last of these rows is kept, by time and then by the order of the file. core: rows
    that every user and every item must have (the k-core; 0 and 1 keep all). Raises InputError when no row is left, and for a
    threshold without ratings.
    """
    if not len(log):
        raise InputError("no row of the data has a user and an item")
    log = well_rated(log, threshold, say)
    if not repeats:
        log = _last_of_each(log, say)
    log = _core(log, core, say).compact()
    alone = int((np.bincount(log.users) == 1).sum())
    if alone:
        say(
            message(
                "{alone:,} of {users:,} users have one interaction; they are learned from, never judged by",
                alone=alone,
                users=len(log.user_ids),
            )
        )
    return log


def well_rated(log: Log, threshold: float | None, say: Say) -> Log:
    """The rows with a rating of `threshold` or more. Without a threshold, all rows except dislikes: ratings of 0 or less where
    1 is the highest rating, or where the scale has several values below 0.

    Raises InputError where no row is left, and where a rating of 0 or less may also mean that no rating was given.
    """
    if log.ratings is None:
        if threshold is not None:
            raise InputError(
                f"a rating of {threshold:g} or more is asked for, but the data has no ratings; data.rating=COLUMN names them"
            )
        return log
    kept = log.ratings > 0 if threshold is None else log.ratings >= threshold
    if threshold is None and kept.all():
        say(message("every row counts as an interaction, whatever its rating"))
        return log
    if not kept.any():
        wanted = "is above 0" if threshold is None else f"reaches {threshold:g}"
        raise InputError(f"no rating {wanted}; the highest is {log.ratings.max():g}")
    if threshold is None:
        _check_scale(log.ratings[kept], log.ratings[~kept])
        say(
            message(
                "{rows:,} of {all:,} rows with a rating of 0 or less were left out as no interactions; "
                "data.rating=none counts every row",
                **_counts(~kept),
            )
        )
    else:
        say(
            message(
                "{rows:,} of {all:,} rows with a rating below {threshold:g} were left out",
                **_counts(~kept),
                threshold=threshold,
            )
        )
    return log.take(kept)


def _check_scale(above: np.ndarray, others: np.ndarray) -> None:
    """Raises InputError where a scale above 0 has a single value of 0 or less: it is the lowest rating, or means "not rated".

    above: the ratings above 0. others: the ratings of 0 or less.
    """
    below = np.unique(others)
    if above.max() <= 1 or len(below[below < 0]) > 1:
        return
    values = " and ".join(f"{value:g}" for value in below)
    rows = f"{len(others):,} of {len(others) + len(above):,} rows have {values}"
    raise InputError(
        f"the ratings go from {above.min():g} to {above.max():g}, and {rows}: disliked, or taken and not rated? "
        f"Write task.min_rating={above.min():g} to leave them out, or data.rating=none to count every row"
    )


def _last_of_each(log: Log, say: Say) -> Log:
    """The last row of each pair of user and item."""
    pairs = log.users.astype(np.int64) * len(log.item_ids) + log.items
    order = np.argsort(pairs, kind="stable") if log.times is None else np.lexsort((log.times, pairs))
    ordered = pairs[order]
    kept = np.ones(len(log), dtype=bool)
    kept[order[:-1]] = ordered[1:] != ordered[:-1]
    if kept.all():
        return log
    last = message("by time") if log.times is not None else message("in the order of the file")
    say(
        message(
            "{rows:,} of {all:,} rows repeat a user and an item; the last of each, {last}, was kept",
            **_counts(~kept),
            last=last,
        )
    )
    return log.take(kept)


def _core(log: Log, core: int, say: Say) -> Log:
    """The k-core: users and items with fewer than `core` rows are removed, repeatedly, until all others have `core` rows.

    Raises InputError where no row is left.
    """
    if core <= 1:
        return log
    before, rounds = log, 0
    while True:
        frequent_users, frequent_items = (np.bincount(numbered) >= core for numbered in (log.users, log.items))
        kept = frequent_users[log.users] & frequent_items[log.items]
        if kept.all():
            break
        log, rounds = log.take(kept), rounds + 1
        if not len(log):
            raise InputError(
                f"no users and items with {core} interactions each are left of {len(before):,} rows "
                f"({_distinct(before)}) after {rounds:,} rounds; ask for fewer"
            )
    if rounds:
        say(
            message(
                "{rows:,} of {all:,} rows of users or items with fewer than {core} interactions were left out, in {rounds:,} "
                "rounds: {before} became {after}",
                rows=len(before) - len(log),
                all=len(before),
                core=core,
                rounds=rounds,
                before=_distinct(before),
                after=_distinct(log),
            )
        )
    return log


def _distinct(log: Log) -> str:
    """The number of users and of items that have rows, in words."""
    users, items = (np.count_nonzero(np.bincount(numbered)) for numbered in (log.users, log.items))
    return message("{users:,} users and {items:,} items", users=int(users), items=int(items))


def _counts(dropped: np.ndarray) -> dict[str, int]:
    """Values for messages that say how many of all rows were dropped."""
    return {"rows": int(dropped.sum()), "all": len(dropped)}
