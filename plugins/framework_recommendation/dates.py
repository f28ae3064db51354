"""Parses dates and times in the formats that files have, as seconds since 1970. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

from framework import InputError

CENTURY = 69  # two-digit years from 69 on are in the 1900s, as in POSIX
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK = (
    r"(?:(?:[T,:]|\s)\s*(?P<hour>\d{1,2})[:时](?P<minute>\d{2})(?:[:分](?P<second>\d{2})秒?(?:[.,](?P<part>\d{1,9}))?)?分?"
    r"\s*(?P<half>[ap])?(?:\.?m\.?)?)?"
)
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?(?:\s*\([A-Za-z ]+\))?"
_DAY, _NAME, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<name>[a-z]{3,9})\.?", r"(?P<year>\d{4}|\d{2})"
_WEEKDAY = r"(?:[a-z]{3,9},?\s+)?"
SPELLINGS = [
    re.compile(spelling, re.IGNORECASE)
    for spelling in (
        rf"(?P<year>\d{{4}})\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}})日?{_CLOCK}{_ZONE}",
        rf"(?P<first>\d{{1,2}})(?P<between>[-/. ])\s*(?P<other>\d{{1,2}})(?:[-/.]|,\s*){_YEAR}{_CLOCK}{_ZONE}",
        rf"{_WEEKDAY}{_DAY}\.?[\s/-]+{_NAME}[\s/,-]+{_YEAR}{_CLOCK}{_ZONE}",
        rf"{_WEEKDAY}{_NAME}\s+{_DAY},?\s+(?P<year>\d{{4}}){_CLOCK}{_ZONE}",
        rf"[a-z]{{3}}\s+{_NAME}\s+{_DAY}{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",  # as C's ctime and Twitter write dates
    )
]
Fields = Mapping[str, str]


def parse_date(text: str, time_format: str) -> float:
    """The time in one format of `datetime.strptime`; NaN where the text has another."""
    try:
        return _seconds(datetime.strptime(text.strip(), time_format))
    except ValueError:
        return math.nan


def parse_dates(texts: Sequence[str], source: str) -> list[float]:
    """A time for each text, NaN where the text is no date.

    source: the file, for errors. Raises InputError where days and months cannot be told apart.
    """
    times = [_iso(text) for text in texts]
    others = {i: fields for i, time in enumerate(times) if math.isnan(time) and (fields := _fields(texts[i])) is not None}
    unclear = {texts[i]: fields for i, fields in others.items() if "first" in fields}
    day_first = not unclear or _day_first(unclear, source)
    for i, fields in others.items():
        times[i] = _timestamp(fields, day_first)
    return times


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _iso(text: str) -> float:
    try:
        return _seconds(datetime.fromisoformat(text.strip()))
    except ValueError:
        return math.nan


def _fields(text: str) -> Fields | None:
    """The parts of a date by name, from the first of `SPELLINGS` that matches; None for other texts."""
    for spelling in SPELLINGS:
        if match := spelling.fullmatch(text.strip()):
            return {name: part for name, part in match.groupdict().items() if part}
    return None


def _day_first(unclear: Mapping[str, Fields], source: str) -> bool:
    """Whether dates such as 3/4/2024 begin with the day.

    A number above 12 is a day. Where there is none, dates with dots begin with the day, and others raise InputError.
    """
    days = next((text for text, fields in unclear.items() if int(fields["first"]) > 12), None)
    months = next((text for text, fields in unclear.items() if int(fields["other"]) > 12), None)
    if days is not None and months is not None:
        raise InputError(
            f"{source}: some times begin with the day ({days!r}), others with the month ({months!r}); write one way"
        )
    if days is not None or months is not None:
        return days is not None
    text, fields = next(iter(unclear.items()))
    if all(fields["between"] == "." for fields in unclear.values()):
        return True
    raise InputError(
        f"{source}: times such as {text!r} begin with the day or with the month, and no row shows which; "
        f'write task.time_format="{_written(fields, "%d", "%m")}" or "{_written(fields, "%m", "%d")}"'
    )


def _written(fields: Fields, first: str, other: str) -> str:
    """The format of a date as `datetime.strptime` takes it. first, other: "%d" and "%m" in their order."""
    between, year = fields["between"], "%Y" if len(fields["year"]) == 4 else "%y"
    date = f"{first}{between}{other}{', ' if between == ' ' else between}{year}"
    if "hour" not in fields:
        return date
    clock = f"{'%I' if 'half' in fields else '%H'}:%M{':%S' if 'second' in fields else ''}{'.%f' if 'part' in fields else ''}"
    return f"{date} {clock}{' %p' if 'half' in fields else ''}"


def _timestamp(fields: Fields, day_first: bool) -> float:
    try:
        return _seconds(datetime(_year(fields["year"]), *_month_and_day(fields, day_first), *_clock(fields), _zone(fields)))
    except ValueError:
        return math.nan


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else int(digits) + (1900 if int(digits) >= CENTURY else 2000)


def _month_and_day(fields: Fields, day_first: bool) -> tuple[int, int]:
    if "first" in fields:
        first, other = int(fields["first"]), int(fields["other"])
        return (other, first) if day_first else (first, other)
    month = int(fields["month"]) if "month" in fields else _month(fields["name"])
    return month, int(fields["day"])


def _month(name: str) -> int:
    """1 to 12 for an English name of a month; 0, which no date has, for other names."""
    short = name[:3].casefold()
    return MONTHS.index(short) + 1 if short in MONTHS else 0


def _clock(fields: Fields) -> tuple[int, int, int, int]:
    """Hour, minute, second, microsecond."""
    hour, minute, second = (int(fields.get(name, 0)) for name in ("hour", "minute", "second"))
    if half := fields.get("half"):
        hour = hour % 12 + (12 if half in "pP" else 0)
    return hour, minute, second, int(fields.get("part", "0").ljust(6, "0")[:6])


def _zone(fields: Fields) -> timezone:
    digits = re.sub(r"\D", "", fields.get("zone", ""))
    offset = timedelta(hours=int(digits[:2] or 0), minutes=int(digits[2:] or 0))
    return timezone(-offset if fields.get("zone", "").startswith("-") else offset)
