"""The rows of a log as integers: who took what, when, and how it was rated. Ids stay texts exactly as they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from framework import InputError, Table, codes, message, numbers
from framework_recommendation.ids import merged, spaced
from framework_recommendation.times import no_order, read_times

Say = Callable[[str], None]
NEEDED = ("user", "item")
ONE_PROBLEM = {
    "time": 'times are numbers, or dates such as 2026-11-24 or 2026-11-24T10:31:07; task.time_format="%d/%m/%Y %H:%M", for '
    "example, says how others are written, and data.time=none takes the order of the file",
    "rating": "ratings are numbers; data.rating=none counts every row",
}
MAX_SHOWN = 5  # rows named in one message


@dataclass(frozen=True)
class Log:
    """A row is one user taking one item once; rows stand in the order of their files.

    users, items: (rows,) int32, the places of the ids in `user_ids` and `item_ids`, which are in the order of first rows.
    times: (rows,) float64, seconds where the data says so. ratings: (rows,) float64. None where the data has none.
    no_times: why the times of the data are not used, where it has some that say no order.
    """

    users: np.ndarray
    items: np.ndarray
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    times: np.ndarray | None = None
    ratings: np.ndarray | None = None
    no_times: str = ""

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


def read_log(
    table: Table,
    say: Say = lambda _: None,
    roles: Mapping[str, str] | None = None,
    *,
    time_format: str | None = None,
    strip_ids: bool = False,
) -> Log:
    """table: columns called user and item, maybe time and rating, or what `roles` (role -> column) calls them.

    time_format: of the times, as `datetime.strptime` takes it; None: found. strip_ids: without the spaces around them.

    Rows without a user or an item are left out and said; so are times that say no order, and ids that differ in spaces. Raises
    InputError for a missing role, and for a time or rating that is none, naming the first few by file and line.
    """
    names = {name: name for name in table.columns} if roles is None else roles
    columns = {role: table.texts(name) for role, name in names.items()}
    missing = [role for role in NEEDED if role not in columns]
    if missing:
        raise InputError(*(f"{table.source}: no {role} column; name it with data.{role}=COLUMN" for role in missing))
    users, user_ids = _ids(columns["user"], "user", strip_ids, say)
    items, item_ids = _ids(columns["item"], "item", strip_ids, say)
    blank = _blank(users, user_ids) | _blank(items, item_ids)
    problems: list[str] = []
    times, why = _times(table, columns, time_format, blank, problems)
    log = Log(users, items, user_ids, item_ids, times, _ratings(table, columns, blank, problems), why)
    if problems:
        raise InputError(*problems)
    if why:
        say(message("the times are not used, for they do not say what came before what: {why}", why=why))
    if not blank.any():
        return log
    first = int(np.argmax(blank))
    say(
        message(
            "{rows:,} rows without a user or an item were left out ({place}, for example)",
            rows=int(blank.sum()),
            place=table.where(first),
        )
    )
    return log.take(~blank).compact()


def _ids(values: Sequence[str], role: str, strip: bool, say: Say) -> tuple[np.ndarray, Sequence[str]]:
    numbered, ids = codes(values)
    if strip:
        return merged(numbered, ids)
    if note := spaced(ids, role):
        say(note)
    return numbered, ids


def _times(
    table: Table, columns: Mapping[str, Sequence[str]], spelling: str | None, blank: np.ndarray, problems: list[str]
) -> tuple[np.ndarray | None, str]:
    """None where there are none that say an order, and why."""
    if "time" not in columns:
        return None, ""
    found, dates = read_times(columns["time"], spelling, table.source)
    wrong = np.flatnonzero(np.isnan(found) & ~blank)
    problems += _wrong(table, columns["time"], "time", wrong)
    why = "" if len(wrong) else no_order(found[~blank], dates[~blank]) or ""
    return (None if why else found), why


def _ratings(table: Table, columns: Mapping[str, Sequence[str]], blank: np.ndarray, problems: list[str]) -> np.ndarray | None:
    if "rating" not in columns:
        return None
    found, wrong = numbers(columns["rating"])
    problems += _wrong(table, columns["rating"], "rating", wrong[~blank[wrong]])
    return found


def _wrong(table: Table, values: Sequence[str], role: str, rows: np.ndarray) -> list[str]:
    """A line for each of the first few."""
    what = {"time": "no time that is known", "rating": "no number"}[role]
    found = [f"{table.where(row)}: the {role} is {values[row]!r}, {what}" for row in rows[:MAX_SHOWN].tolist()]
    if found:
        more = f" and {len(rows) - MAX_SHOWN:,} more" if len(rows) > MAX_SHOWN else ""
        found[-1] += f"{more}; {ONE_PROBLEM[role]}"
    return found


def _blank(numbered: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """Which rows hold an id of nothing but spaces."""
    found: np.ndarray = np.array([not name.strip() for name in ids], dtype=bool)[numbered]
    return found


def _compact(numbered: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    used = np.bincount(numbered, minlength=len(ids)) > 0
    if used.all():
        return numbered, ids
    return (np.cumsum(used, dtype=np.int32) - 1)[numbered], [ids[i] for i in np.flatnonzero(used).tolist()]
