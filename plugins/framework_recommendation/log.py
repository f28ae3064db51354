"""The rows of a log as integers: who took which item, when, and with which rating. Ids are texts, exactly as written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from framework import InputError, Table, codes, message, numbers
from framework_recommendation.ids import merge_stripped, note_on_spaces
from framework_recommendation.times import no_order, read_times

Say = Callable[[str], None]
NEEDED = ("user", "item")
EXPECTED = {  # what the values of a column should look like, as the end of an error message
    "time": 'times are numbers, or dates such as 2026-11-24 or 2026-11-24T10:31:07; task.time_format="%d/%m/%Y %H:%M", for '
    "example, says how others are written, and data.time=none takes the order of the file",
    "rating": "ratings are numbers; data.rating=none counts every row",
}
MAX_SHOWN = 5  # rows named in one message, at most


@dataclass(frozen=True)
class Log:
    """A row is one interaction; rows are in the order of their files."""

    users: np.ndarray
    """(rows,) int32 positions in `user_ids`."""
    items: np.ndarray
    """(rows,) int32 positions in `item_ids`."""
    user_ids: Sequence[str]
    """Ids in the order of their first rows."""
    item_ids: Sequence[str]
    """Ids in the order of their first rows."""
    times: np.ndarray | None = None
    """(rows,) float64: seconds since 1970 for dates, numbers as they are; None without usable times."""
    ratings: np.ndarray | None = None
    """(rows,) float64; None where the data has no ratings."""
    no_times: str = ""
    """Why the times of the data give no order and are not used; "": they are used, or the data has none."""

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> Log:
        """The rows of a mask or of ascending positions. Users and items without a row keep their positions."""
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            times=None if self.times is None else self.times[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
        )

    def compact(self) -> Log:
        """The log without users and items that have no row; the others keep their order."""
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
    """Reads a table with the columns user and item, and optionally time and rating.

    roles: role -> column of the table; None: columns have the names of their roles. time_format: as `datetime.strptime` takes
    it; None: detected. strip_ids: whether to remove the spaces around ids.

    `say` is told of rows without a user or an item, which are left out, of times that give no order, which are not used, and of
    ids that differ only in spaces. Raises InputError for a missing role, and for values that are not times or ratings, naming
    the first few by file and line.
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
    """(rows,) int32 positions in the ids, and the ids. role: for the note to `say`. strip: see `read_log`."""
    numbered, ids = codes(values)
    if strip:
        return merge_stripped(numbered, ids)
    if note := note_on_spaces(ids, role):
        say(note)
    return numbered, ids


def _times(
    table: Table, columns: Mapping[str, Sequence[str]], time_format: str | None, blank: np.ndarray, problems: list[str]
) -> tuple[np.ndarray | None, str]:
    """The times, or None and why they are not used. Appends to `problems` for values that are not times.

    blank: (rows,) bool, rows whose times are not read; see `_blank`.
    """
    if "time" not in columns:
        return None, ""
    times, dates = read_times(columns["time"], time_format, table.source)
    wrong = np.flatnonzero(np.isnan(times) & ~blank)
    problems += _wrong(table, columns["time"], "time", wrong)
    why = "" if len(wrong) else no_order(times[~blank], dates[~blank]) or ""
    return (None if why else times), why


def _ratings(table: Table, columns: Mapping[str, Sequence[str]], blank: np.ndarray, problems: list[str]) -> np.ndarray | None:
    if "rating" not in columns:
        return None
    ratings, wrong = numbers(columns["rating"])
    problems += _wrong(table, columns["rating"], "rating", wrong[~blank[wrong]])
    return ratings


def _wrong(table: Table, values: Sequence[str], role: str, rows: np.ndarray) -> list[str]:
    """A problem for each of the first few of these rows, whose values are not times or ratings."""
    what = {"time": "no time that is known", "rating": "no number"}[role]
    problems = [f"{table.where(row)}: the {role} is {values[row]!r}, {what}" for row in rows[:MAX_SHOWN].tolist()]
    if problems:
        more = f" and {len(rows) - MAX_SHOWN:,} more" if len(rows) > MAX_SHOWN else ""
        problems[-1] += f"{more}; {EXPECTED[role]}"
    return problems


def _blank(numbered: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """(rows,) bool: which rows have an id that is empty or only spaces."""
    blank: np.ndarray = np.array([not name.strip() for name in ids], dtype=bool)[numbered]
    return blank


def _compact(numbered: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Removes ids that no row has, and numbers the others again."""
    used = np.bincount(numbered, minlength=len(ids)) > 0
    if used.all():
        return numbered, ids
    return (np.cumsum(used, dtype=np.int32) - 1)[numbered], [ids[i] for i in np.flatnonzero(used).tolist()]
