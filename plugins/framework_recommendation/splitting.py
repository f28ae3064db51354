"""What is learned from, decided on and judged by: the ways that the field splits a log, each with a sentence that says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from framework import InputError, message, messages
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.log import Log

Protocol = Literal["leave_one_out", "temporal", "random"]
Shares = tuple[float, float, float]  # of train, validation and test; only their proportions count
SHARES: Shares = (0.8, 0.1, 0.1)
JUDGED = 20_000  # users at most of validation and of test: a mean's standard error is then below 0.4 points
TRAIN, VALIDATION, TEST = range(3)
HELD_OUT: dict[str, int] = dict(zip(messages("validation", "test"), (VALIDATION, TEST), strict=True))


@dataclass(frozen=True)
class Split:
    """User u of the log is history u of `train`; item i of the log is the number i + 1.

    validation, test: users with a history, which is known, and the items held out of it, each once. validation_users,
    test_users: which users of the log those are, ascending. cold: users of the test without any history, cold_users.
    protocol: what the numbers are measured by, to be printed beside each. notes: what it left out, a sentence each.
    """

    train: Interactions
    validation: Held
    test: Held
    validation_users: np.ndarray
    test_users: np.ndarray
    cold: Held
    cold_users: np.ndarray
    protocol: str
    notes: Sequence[str]


class _Rows(NamedTuple):
    """The rows by user, within a user in time. starts: (users + 1,) where each user's begin. items: from 1."""

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray | None
    starts: np.ndarray
    catalogue: int

    def of(self, mask: np.ndarray, users: np.ndarray) -> Interactions:
        """The histories of these users (ascending), of the rows in the mask."""
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
    """leave_one_out: the last item of each user is the test, the one before it (of three or more) validation. temporal:
    the same two moments for everybody, at those shares of all interactions. random: of each user's interactions, drawn;
    rounded as RecBole rounds: validation and test downwards, but to 1 where that would leave one empty and a training row
    is to spare, the test first.

    judged: users at most of validation and of test, drawn. repeats: seen items may be recommended and may be relevant.
    Raises InputError when there is nobody to judge by, and for a temporal split of a log without times.
    """
    if protocol == "temporal" and log.times is None:
        why = f"those of the data are not used: {log.no_times}" if log.no_times else "data.time=COLUMN names them"
        raise InputError(f"the temporal split needs times; {why}; or take another split")
    rows = _by_user(log)
    part, sentence = PARTS[protocol](rows, shares, np.random.default_rng(seed))
    _check(part, protocol)
    notes = _note_on_ties(rows) if protocol == "leave_one_out" else []
    pick = np.random.default_rng([seed, 1])
    train = rows.of(part == TRAIN, np.arange(len(rows.starts) - 1))
    found = {name: _held(rows, part, which, judged, pick, repeats) for name, which in HELD_OUT.items()}
    for name, part_of in found.items():
        notes += _notes(name, part_of, train, protocol, seed)
    validation, test = found["validation"], found["test"]
    cold_users = _drawn(test.cold, judged, pick)
    cold = Held(rows.of(part < TRAIN, cold_users), _once(rows.of(part == TEST, cold_users), repeats))
    seen = message("seen items too") if repeats else message("seen items left out")
    sentence = message("{split}, all items ranked, {seen}", split=sentence, seen=seen)
    return Split(train, validation.held, test.held, validation.users, test.users, cold, cold_users, sentence, notes)


class _Found(NamedTuple):
    """Those who are judged and who they are; users without a history; how many have one."""

    held: Held
    users: np.ndarray
    cold: np.ndarray
    available: int


def _notes(name: str, found: _Found, train: Interactions, protocol: str, seed: int) -> list[str]:
    relevant = found.held.relevant
    notes: list[str] = []
    if not found.available:
        raise InputError(
            f"the {protocol} split: nobody of the {name} took anything before it, so that there is nobody to judge by; "
            "take another split, or bring more interactions a user"
        )
    if found.available > relevant.users:
        notes.append(
            message(
                "{users:,} of the {available:,} users of the {split} are judged, drawn with seed {seed}",
                users=relevant.users,
                available=found.available,
                split=name,
                seed=seed,
            )
        )
    if len(found.cold):
        apart = message("judged apart") if name == "test" else message("not judged")
        notes.append(
            message(
                "{users:,} users of the {split} were never seen before it: {apart}",
                users=len(found.cold),
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
    """Every row of a log: user u's is history u, item i has the number i + 1."""
    rows = _by_user(log)
    return Interactions(rows.starts, rows.items, rows.catalogue, rows.times)


def _by_user(log: Log) -> _Rows:
    order = np.argsort(log.users, kind="stable") if log.times is None else np.lexsort((log.times, log.users))
    starts = np.concatenate([[0], np.cumsum(np.bincount(log.users, minlength=len(log.user_ids)))]).astype(np.int64)
    times = None if log.times is None else log.times[order]
    return _Rows(log.users[order], log.items[order] + np.int32(1), times, starts, len(log.item_ids))


def in_time(log: Log) -> bool:
    """Whether times say of anybody which of their interactions is the last."""
    tied, several = _ties(_by_user(log))
    return tied < several


def _ties(rows: _Rows) -> tuple[int, int]:
    """Users whose last two interactions have the same time, or none; and all with two."""
    ends = rows.starts[1:][np.diff(rows.starts) >= 2]
    if rows.times is None:
        return len(ends), len(ends)
    return int((rows.times[ends - 1] == rows.times[ends - 2]).sum()), len(ends)


def _note_on_ties(rows: _Rows) -> list[str]:
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


Part = Callable[[_Rows, Shares, np.random.Generator], tuple[np.ndarray, str]]


def _leave_one_out(rows: _Rows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
    part, lengths, ends = np.zeros(len(rows.users), dtype=np.int8), np.diff(rows.starts), rows.starts[1:]
    part[ends[lengths >= 2] - 1] = TEST
    part[ends[lengths >= 3] - 2] = VALIDATION
    tied, several = _ties(rows)
    order = message("by time") if tied < several else message("in the order of the file")
    return part, message("leave one out: the last item of each user {order}", order=order)


def _temporal(rows: _Rows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
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


def _random(rows: _Rows, shares: Shares, random: np.random.Generator) -> tuple[np.ndarray, str]:
    exact = np.diff(rows.starts)[:, None] * (np.array(shares) / sum(shares))  # (users, 3)
    counts = exact.astype(np.int64)
    counts[:, TRAIN] = np.diff(rows.starts) - counts[:, VALIDATION] - counts[:, TEST]
    for which in (TEST, VALIDATION):
        one = (counts[:, TRAIN] > 1) & (exact[:, which] > 0) & (exact[:, which] < 1)
        counts[one, which] += 1
        counts[one, TRAIN] -= 1
    keys = (rows.users.astype(np.int64) << 32) | random.integers(0, 1 << 32, len(rows.users))
    drawn = np.argsort(keys)  # each user's rows at the places they had together, shuffled
    place = np.arange(len(drawn)) - rows.starts[rows.users]
    part = np.empty(len(drawn), dtype=np.int8)
    ends = np.cumsum(counts, axis=1)
    part[drawn] = (place >= ends[rows.users, TRAIN]).astype(np.int8) + (place >= ends[rows.users, VALIDATION]).astype(np.int8)
    return part, message("random per user {shares}", shares=_proportions(shares))


PARTS: dict[Protocol, Part] = {"leave_one_out": _leave_one_out, "temporal": _temporal, "random": _random}


def _check(part: np.ndarray, protocol: Protocol) -> None:
    names = {"train": TRAIN} | HELD_OUT
    empty = [name for name, which in names.items() if not (part == which).any()]
    if empty:
        why = (
            "too many interactions have the same time"
            if protocol == "temporal"
            else "users with one or two interactions have nothing to hold out"
        )
        raise InputError(f"the {protocol} split leaves {' and '.join(empty)} without interactions: {why}")


def _held(rows: _Rows, part: np.ndarray, which: int, most: int, pick: np.random.Generator, repeats: bool) -> _Found:
    held_out, before = part == which, part < which
    took, known = (np.bincount(rows.users[mask], minlength=len(rows.starts) - 1) > 0 for mask in (held_out, before))
    warm = np.flatnonzero(took & known)
    chosen = _drawn(warm, most, pick)
    held = Held(rows.of(before, chosen), _once(rows.of(held_out, chosen), repeats))
    return _Found(held, chosen, np.flatnonzero(took & ~known), len(warm))


def _drawn(users: np.ndarray, most: int, pick: np.random.Generator) -> np.ndarray:
    return users if len(users) <= most else np.sort(pick.choice(users, most, replace=False))


def _once(relevant: Interactions, repeats: bool) -> Interactions:
    """Each item of a user once, at its first place."""
    if not repeats:
        return relevant
    users = np.repeat(np.arange(relevant.users), relevant.lengths())
    kept = np.sort(np.unique(users * (relevant.catalogue + 1) + relevant.items, return_index=True)[1])
    starts = np.concatenate([[0], np.cumsum(np.bincount(users[kept], minlength=relevant.users))]).astype(np.int64)
    times = None if relevant.times is None else relevant.times[kept]
    return Interactions(starts, relevant.items[kept], relevant.catalogue, times)


def _proportions(shares: Shares) -> str:
    """8:1:1"""
    least = min(share for share in shares if share > 0)
    return ":".join(f"{share / least:.3g}" for share in shares)


def _moment(seconds: float) -> str:
    """The time as it stands in the data: what its zero and its unit are is not known."""
    return f"{seconds:.17g}"
