"""Splits a log into training, validation and test by the protocols of the field. Each split describes itself in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from framework import InputError, message, messages
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.log import Log

Protocol = Literal["leave_one_out", "temporal", "random"]
Shares = tuple[float, float, float]  # shares of train, validation and test, of which only the proportions count
SHARES: Shares = (0.8, 0.1, 0.1)
JUDGED = 20_000  # most users of validation and of test: a mean's standard error is then below 0.4 points
TRAIN, VALIDATION, TEST = range(3)
HELD_OUT: dict[str, int] = dict(zip(messages("validation", "test"), (VALIDATION, TEST), strict=True))


@dataclass(frozen=True)
class Split:
    """User u of the log is history u of `train`; item i of the log is item number i + 1."""

    train: Interactions
    validation: HeldOutUsers
    """Users with a history; each relevant item stands once."""
    test: HeldOutUsers
    """As `validation`."""
    validation_users: np.ndarray
    """Which users of the log are in `validation`, ascending."""
    test_users: np.ndarray
    """Which users of the log are in `test`, ascending."""
    cold: HeldOutUsers
    """Test users without a history."""
    cold_users: np.ndarray
    """Which users of the log are in `cold`, ascending."""
    protocol: str
    """How the metrics are measured, in a sentence that is printed beside them."""
    notes: Sequence[str]
    """A sentence for each kind of user or item that is not judged."""


class _SortedRows(NamedTuple):
    """The rows of a log sorted by user, then by time."""

    users: np.ndarray
    items: np.ndarray
    """Item numbers, from 1."""
    times: np.ndarray | None
    starts: np.ndarray
    """(users + 1,) int64: the rows of user u are starts[u] to starts[u + 1]."""
    catalogue: int
    """Number of items."""

    def histories(self, mask: np.ndarray, users: np.ndarray) -> Interactions:
        """The histories of these users (ascending), restricted to the rows of the mask."""
        chosen = np.zeros(len(self.starts) - 1, dtype=bool)
        chosen[users] = True
        rows = np.flatnonzero(mask & chosen[self.users])
        counts = np.bincount(self.users[rows], minlength=len(chosen))[users]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Interactions(starts, self.items[rows], self.catalogue, None if self.times is None else self.times[rows])


def split(
    log: Log,
    protocol: Protocol = "leave_one_out",
    *,
    seed: int,
    shares: Shares = SHARES,
    judged: int = JUDGED,
    repeats: bool = False,
) -> Split:
    """Splits a log by one of three protocols.

    leave_one_out: the last item of each user with two or more is in test, and of users with three or more the item before it in
    validation.
    temporal: validation and test begin at two moments, the same for all users, chosen by the shares of all interactions.
    random: the shares of each user's interactions, drawn at random and rounded as RecBole does: validation and test are
    rounded down, but to 1 instead of 0 where the user has a training row to spare, test before validation.

    judged: the most users of validation and of test; of more users a sample is drawn. repeats: whether items of the history may
    be recommended and may be relevant. Raises InputError when no user can be judged, and for a temporal split of a log without
    times.
    """
    if protocol == "temporal" and log.times is None:
        why = f"those of the data are not used: {log.no_times}" if log.no_times else "data.time=COLUMN names them"
        raise InputError(f"the temporal split needs times; {why}; or take another split")
    rows = _sorted(log)
    part, sentence = PARTS[protocol](rows, shares, np.random.default_rng(seed))
    _check_parts(part, protocol)
    notes = _note_on_ties(rows) if protocol == "leave_one_out" else []
    random = np.random.default_rng([seed, 1])
    train = rows.histories(part == TRAIN, np.arange(len(rows.starts) - 1))
    samples = {name: _sample(rows, part, which, judged, random, repeats) for name, which in HELD_OUT.items()}
    for name, sample in samples.items():
        notes += _notes(name, sample, train, protocol, seed)
    validation, test = samples["validation"], samples["test"]
    cold_users = _drawn(test.cold, judged, random)
    cold = HeldOutUsers(rows.histories(part < TRAIN, cold_users), _once(rows.histories(part == TEST, cold_users), repeats))
    seen = message("seen items too") if repeats else message("seen items left out")
    sentence = message("{split}, all items ranked, {seen}", split=sentence, seen=seen)
    return Split(train, validation.held_out, test.held_out, validation.users, test.users, cold, cold_users, sentence, notes)


class _Sample(NamedTuple):
    """The users of validation or of test."""

    held_out: HeldOutUsers
    """The users that are judged."""
    users: np.ndarray
    """Which users of the log are in `held_out`, ascending."""
    cold: np.ndarray
    """Which users of the log have held-out items but no history."""
    available: int
    """Number of users with held-out items and a history, of which `users` is a sample."""


def _notes(name: str, sample: _Sample, train: Interactions, protocol: str, seed: int) -> list[str]:
    """Sentences on users and items that are not judged. Raises InputError when no user can be judged."""
    relevant = sample.held_out.relevant
    notes: list[str] = []
    if not sample.available:
        raise InputError(
            f"the {protocol} split: nobody of the {name} took anything before it, so that there is nobody to judge by; "
            "take another split, or bring more interactions a user"
        )
    if sample.available > relevant.users:
        notes.append(
            message(
                "{users:,} of the {available:,} users of the {split} are judged, drawn with seed {seed}",
                users=relevant.users,
                available=sample.available,
                split=name,
                seed=seed,
            )
        )
    if len(sample.cold):
        apart = message("judged apart") if name == "test" else message("not judged")
        notes.append(
            message(
                "{users:,} users of the {split} were never seen before it: {apart}",
                users=len(sample.cold),
                split=name,
                apart=apart,
            )
        )
    unseen = int((train.counts()[relevant.items] == 0).sum())
    if unseen:
        notes.append(
            message(
                "{unseen:,} of the {all:,} relevant items of the {split} were never seen in training; they count as missed",
                unseen=unseen,
                all=len(relevant),
                split=name,
            )
        )
    return notes


def by_user(log: Log) -> Interactions:
    """Every row of a log: user u of the log is history u, item i is item number i + 1."""
    rows = _sorted(log)
    return Interactions(rows.starts, rows.items, rows.catalogue, rows.times)


def _sorted(log: Log) -> _SortedRows:
    order = np.argsort(log.users, kind="stable") if log.times is None else np.lexsort((log.times, log.users))
    starts = np.concatenate([[0], np.cumsum(np.bincount(log.users, minlength=len(log.user_ids)))]).astype(np.int64)
    times = None if log.times is None else log.times[order]
    return _SortedRows(log.users[order], log.items[order] + np.int32(1), times, starts, len(log.item_ids))


def has_order(log: Log) -> bool:
    """Whether the times of at least one user tell which interaction is the last."""
    tied, several = _ties(_sorted(log))
    return tied < several


def _ties(rows: _SortedRows) -> tuple[int, int]:
    """Number of users whose last two interactions have equal times or no times; number of users with two or more."""
    ends = rows.starts[1:][np.diff(rows.starts) >= 2]
    if rows.times is None:
        return len(ends), len(ends)
    return int((rows.times[ends - 1] == rows.times[ends - 2]).sum()), len(ends)


def _note_on_ties(rows: _SortedRows) -> list[str]:
    tied, several = _ties(rows)
    if rows.times is None or not tied:
        return []
    return [
        message(
            "the last two interactions of {tied:,} of {several:,} users have the same time: the order of the file says which "
            "is the last",
            tied=tied,
            several=several,
        )
    ]


# A protocol. Returns (rows,) int8 of TRAIN, VALIDATION and TEST, and the sentence that describes the split.
Part = Callable[[_SortedRows, Shares, np.random.Generator], tuple[np.ndarray, str]]


def _leave_one_out(rows: _SortedRows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
    part, lengths, ends = np.zeros(len(rows.users), dtype=np.int8), np.diff(rows.starts), rows.starts[1:]
    part[ends[lengths >= 2] - 1] = TEST
    part[ends[lengths >= 3] - 2] = VALIDATION
    tied, several = _ties(rows)
    order = message("by time") if tied < several else message("in the order of the file")
    return part, message("leave one out: the last item of each user {order}", order=order)


def _temporal(rows: _SortedRows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
    assert rows.times is not None
    share = np.cumsum(shares)[:2] / sum(shares)
    places = np.minimum((share * len(rows.times)).astype(np.int64), len(rows.times) - 1)
    moments = np.partition(rows.times, places)[places]
    part = (rows.times >= moments[0]).astype(np.int8) + (rows.times >= moments[1]).astype(np.int8)
    return part, message(
        "in time, {shares} of all interactions, validation from {validation}, test from {test}",
        shares=_proportions(shares),
        validation=_moment(moments[0]),
        test=_moment(moments[1]),
    )


def _random(rows: _SortedRows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
    exact = np.diff(rows.starts)[:, None] * (np.array(shares) / sum(shares))  # (users, 3)
    counts = exact.astype(np.int64)
    counts[:, TRAIN] = np.diff(rows.starts) - counts[:, VALIDATION] - counts[:, TEST]
    for which in (TEST, VALIDATION):
        raised = (counts[:, TRAIN] > 1) & (exact[:, which] > 0) & (exact[:, which] < 1)
        counts[raised, which] += 1
        counts[raised, TRAIN] -= 1
    keys = (rows.users.astype(np.int64) << 32) | random.integers(0, 1 << 32, len(rows.users))
    drawn = np.argsort(keys)  # shuffles the rows of each user among the places of that user
    place = np.arange(len(drawn)) - rows.starts[rows.users]
    part = np.empty(len(drawn), dtype=np.int8)
    ends = np.cumsum(counts, axis=1)
    part[drawn] = (place >= ends[rows.users, TRAIN]).astype(np.int8) + (place >= ends[rows.users, VALIDATION]).astype(np.int8)
    return part, message("random per user {shares}", shares=_proportions(shares))


PARTS: dict[Protocol, Part] = {"leave_one_out": _leave_one_out, "temporal": _temporal, "random": _random}


def _check_parts(part: np.ndarray, protocol: Protocol) -> None:
    names = {"train": TRAIN} | HELD_OUT
    empty = [name for name, which in names.items() if not (part == which).any()]
    if empty:
        why = (
            "too many interactions have the same time"
            if protocol == "temporal"
            else "users with one or two interactions have nothing to hold out"
        )
        raise InputError(f"the {protocol} split leaves {' and '.join(empty)} without interactions: {why}")


def _sample(rows: _SortedRows, part: np.ndarray, which: int, most: int, random: np.random.Generator, repeats: bool) -> _Sample:
    """The users of a split, at most `most`. part: (rows,) the split of each row. which: VALIDATION or TEST."""
    relevant, before = part == which, part < which
    has_relevant, has_history = (
        np.bincount(rows.users[mask], minlength=len(rows.starts) - 1) > 0 for mask in (relevant, before)
    )
    warm = np.flatnonzero(has_relevant & has_history)
    users = _drawn(warm, most, random)
    held_out = HeldOutUsers(rows.histories(before, users), _once(rows.histories(relevant, users), repeats))
    return _Sample(held_out, users, np.flatnonzero(has_relevant & ~has_history), len(warm))


def _drawn(users: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """At most `most` of the users, drawn without replacement, ascending."""
    return users if len(users) <= most else np.sort(random.choice(users, most, replace=False))


def _once(relevant: Interactions, repeats: bool) -> Interactions:
    """The relevant items without repetitions: each item of a user stands at its first place."""
    if not repeats:
        return relevant
    users = np.repeat(np.arange(relevant.users), relevant.lengths())
    first = np.sort(np.unique(users * (relevant.catalogue + 1) + relevant.items, return_index=True)[1])
    starts = np.concatenate([[0], np.cumsum(np.bincount(users[first], minlength=relevant.users))]).astype(np.int64)
    times = None if relevant.times is None else relevant.times[first]
    return Interactions(starts, relevant.items[first], relevant.catalogue, times)


def _proportions(shares: Shares) -> str:
    """The shares as a ratio, such as 8:1:1."""
    least = min(share for share in shares if share > 0)
    return ":".join(f"{share / least:.3g}" for share in shares)


def _moment(seconds: float) -> str:
    """The time as it stands in the data, whose zero and unit are unknown."""
    return f"{seconds:.17g}"
