"""When something was taken: numbers, and dates in the spellings that files have, as numbers that grow with time. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from framework import codes, joined, message, numbers
from framework_recommendation.dates import moments, spelled

UNITS = {"seconds": 1e0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
EARLIEST, LATEST = 3e8, 4.2e9  # seconds since 1970 that are taken for a moment: mid-1979 to early 2103
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # digits of a date written as a number


def read_times(values: Sequence[str], spelling: str | None, source: str) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) float64, NaN where a value is no time: dates as seconds since 1970, of UTC where they name no zone, other
    numbers as they are; and (rows,) bool, which of them are dates.

    spelling: of all dates, as `datetime.strptime` takes it; None: found by the values. source: the file, for errors. Raises
    InputError where days and months cannot be told apart.
    """
    if spelling is not None:
        found = _of_distinct(values, lambda texts: [spelled(text, spelling) for text in texts])
        return found, np.ones(len(found), dtype=bool)
    found, wrong = numbers(values)
    dates = np.isnan(found)
    if _are_compact(found[~dates]):
        found = _of_distinct(values, _compact)
        dates[:] = True
    if len(wrong):
        found[wrong] = _of_distinct([values[row] for row in wrong.tolist()], lambda texts: moments(texts, source))
    return found, dates


def no_order(times: np.ndarray, dates: np.ndarray) -> str | None:
    """Why times do not say what came before what; None where they do."""
    plain = times[~dates]
    if len(times) > 1 and times.min() == times.max():
        return message("every row has the same time")
    if (plain < 0).any():
        return message("{count:,} of {all:,} times are negative numbers", count=int((plain < 0).sum()), all=len(times))
    if 0 < len(plain) < len(times):
        return message("{count:,} of {all:,} times are numbers, the others are dates", count=len(plain), all=len(times))
    counts = {unit: int(((plain >= EARLIEST * per) & (plain < LATEST * per)).sum()) for unit, per in UNITS.items()}
    units = [message("{count:,} look like {unit}", count=count, unit=unit) for unit, count in counts.items() if count]
    zeros = int((plain == 0).sum())
    if units and zeros:
        units.append(message("{count:,} are 0", count=zeros))
    return message("the times are in different units: {units}", units=joined(units, ", ")) if len(units) > 1 else None


def _of_distinct(values: Sequence[str], read: Callable[[Sequence[str]], Sequence[float]]) -> np.ndarray:
    """(rows,) float64: each different text is read once."""
    numbered, distinct = codes(values)
    found: np.ndarray = np.array(read(distinct), dtype=np.float64)[numbered]
    return found


def _are_compact(plain: np.ndarray) -> bool:
    """Whether every number is the digits of a year, a month, a day, and maybe of a clock."""
    if not len(plain) or (plain % 1).any() or plain.min() < 1:
        return False
    lengths = np.floor(np.log10(plain)).astype(np.int64) + 1
    if lengths.min() != lengths.max() or int(lengths[0]) not in COMPACT:
        return False
    days = plain // 10 ** int(lengths[0] - 8)
    years, months, days = days // 10_000, days // 100 % 100, days % 100
    return bool(((years >= 1900) & (years < 2100) & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all())


def _compact(texts: Sequence[str]) -> list[float]:
    digits = [text.strip().removesuffix(".0") for text in texts]
    return [spelled(text, COMPACT.get(len(text), "")) for text in digits]
