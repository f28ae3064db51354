"""Times of interactions, numbers or dates in the formats that files have, as numbers that grow with time. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from framework import codes, joined, message, numbers
from framework_recommendation.dates import parse_date, parse_dates

UNITS = {"seconds": 1e0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
EARLIEST, LATEST = 3e8, 4.2e9  # plausible seconds since 1970: mid-1979 to early 2103
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # digits of a date written as a number


def read_times(values: Sequence[str], time_format: str | None, source: str) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) float64 times, and (rows,) bool, which of them are dates.

    Dates are seconds since 1970, in UTC where they name no zone; other numbers stay as they are; NaN is no time. time_format:
    the format of all dates, as `datetime.strptime` takes it; None: detected. source: the file, for errors. Raises InputError
    where days and months cannot be told apart.
    """
    if time_format is not None:
        times = _map_distinct(values, lambda texts: [parse_date(text, time_format) for text in texts])
        return times, np.ones(len(times), dtype=bool)
    times, wrong = numbers(values)
    dates = np.isnan(times)
    if _are_compact(times[~dates]):
        times = _map_distinct(values, _compact)
        dates[:] = True
    if len(wrong):
        times[wrong] = _map_distinct([values[row] for row in wrong.tolist()], lambda texts: parse_dates(texts, source))
    return times, dates


def no_order(times: np.ndarray, dates: np.ndarray) -> str | None:
    """Why the times give no order of the interactions; None where they do. dates: which of the times are dates."""
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


def _map_distinct(values: Sequence[str], parse: Callable[[Sequence[str]], Sequence[float]]) -> np.ndarray:
    """(rows,) float64: each distinct text is parsed once."""
    numbered, distinct = codes(values)
    times: np.ndarray = np.array(parse(distinct), dtype=np.float64)[numbered]
    return times


def _are_compact(plain: np.ndarray) -> bool:
    """Whether every number is a date written as digits, such as 20241126, perhaps with a time of day."""
    if not len(plain) or (plain % 1).any() or plain.min() < 1:
        return False
    lengths = np.floor(np.log10(plain)).astype(np.int64) + 1
    if lengths.min() != lengths.max() or int(lengths[0]) not in COMPACT:
        return False
    days = plain // 10 ** int(lengths[0] - 8)
    years, months, days = days // 10_000, days // 100 % 100, days % 100
    return bool(((years >= 1900) & (years < 2100) & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all())


def _compact(texts: Sequence[str]) -> list[float]:
    """Parses dates that are written as digits."""
    digits = [text.strip().removesuffix(".0") for text in texts]
    return [parse_date(text, COMPACT.get(len(text), "")) for text in digits]
