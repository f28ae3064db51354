"""The rows of a log as integers: who took what, when, and how it was rated. Ids stay texts exactly as they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from framework import InputError, Table, codes, numbers

Say = Callable[[str], None]
NEEDED = ("user", "item")
ONE_PROBLEM = {
    "time": "times are numbers, or dates such as 2026-11-24 or 2026-11-24T10:31:07; data.time=none takes the order of the file",
    "rating": "ratings are numbers; data.rating=none counts every row",
}
MAX_SHOWN = 5  # rows named in one message


@dataclass(frozen=True)
class Log:
    """A row is one user taking one item once; rows stand in the order of their files.

    users, items: (rows,) int32, the places of the ids in `user_ids` and `item_ids`, which are in the order of first rows.
    times: (rows,) float64, seconds where the data says so. ratings: (rows,) float64. None where the data has none.
    """

    users: np.ndarray
    items: np.ndarray
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    times: np.ndarray | None = None
    ratings: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> Log:
        """rows: a mask, or places in order. Users and items that lose their last row keep their places."""
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            times=None if self.times is None else self.times[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
        )

    def compact(self) -> Log:
        """Without the users and items that have no row; the others keep their order."""
        users, user_ids = _compact(self.users, self.user_ids)
        items, item_ids = _compact(self.items, self.item_ids)
        return replace(self, users=users, items=items, user_ids=user_ids, item_ids=item_ids)


def read_log(table: Table, say: Say = lambda _: None, roles: Mapping[str, str] | None = None) -> Log:
    """table: columns called user and item, maybe time and rating, or what `roles` (role -> column) calls them.

    Rows without a user or an item are left out and said. Raises InputError for a missing role, and for a time or rating
    that is no number, naming the first few by file and line.
    """
    columns = table.columns if roles is None else {role: table.columns[name] for role, name in roles.items()}
    missing = [role for role in NEEDED if role not in columns]
    if missing:
        raise InputError(*(f"{table.source}: no {role} column; name it with data.{role}=COLUMN" for role in missing))
    users, user_ids = codes(columns["user"])
    items, item_ids = codes(columns["item"])
    blank = _blank(users, user_ids) | _blank(items, item_ids)
    problems: list[str] = []
    times, ratings = (_numbers(table, columns, role, blank, problems) for role in ("time", "rating"))
    if problems:
        raise InputError(*problems)
    log = Log(users, items, user_ids, item_ids, times, ratings)
    if not blank.any():
        return log
    first = int(np.argmax(blank))
    say(f"{int(blank.sum()):,} rows without a user or an item were left out ({table.where(first)}, for example)")
    return log.take(~blank).compact()


def _numbers(
    table: Table, columns: Mapping[str, Sequence[str]], role: str, blank: np.ndarray, problems: list[str]
) -> np.ndarray | None:
    if role not in columns:
        return None
    found, wrong = numbers(columns[role])
    if role == "time" and len(wrong):
        found[wrong] = _moments(columns[role], wrong)
        wrong = wrong[np.isnan(found[wrong])]
    wrong = wrong[~blank[wrong]]
    problems += [f"{table.where(row)}: the {role} is {columns[role][row]!r}, no number" for row in wrong[:MAX_SHOWN].tolist()]
    if len(wrong):
        more = f" and {len(wrong) - MAX_SHOWN:,} more" if len(wrong) > MAX_SHOWN else ""
        problems[-1] += f"{more}; {ONE_PROBLEM[role]}"
    return found


def _moments(values: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """(rows,) float64: seconds since 1970 of dates and times as ISO 8601 writes them, NaN of anything else."""
    found: dict[str, float] = {}

    def seconds(text: str) -> float:
        if text not in found:
            try:
                moment = datetime.fromisoformat(text.strip())
                found[text] = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except ValueError:
                found[text] = math.nan
        return found[text]

    return np.fromiter((seconds(values[row]) for row in rows.tolist()), np.float64, len(rows))


def _blank(numbered: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """Which rows hold an id of nothing but spaces."""
    found: np.ndarray = np.array([not name.strip() for name in ids], dtype=bool)[numbered]
    return found


def _compact(numbered: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    used = np.bincount(numbered, minlength=len(ids)) > 0
    if used.all():
        return numbered, ids
    return (np.cumsum(used, dtype=np.int32) - 1)[numbered], [ids[i] for i in np.flatnonzero(used).tolist()]
