"""What a run shows: titled tables and sentences, and problems of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Series:
    """The values of one name: points (x, y) of a `Lines`, or one value for each category of a `Bars`, None for none."""

    name: str
    y: Sequence[float | None]
    x: Sequence[float] = ()


@dataclass(frozen=True)
class Lines:
    """Values over a number: curves, or the outlines of histograms.

    steps: each value holds from its x to the next one.
    diagonal: both axes are shares from 0 to 1, and points on the diagonal are as good as can be.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    steps: bool = False
    diagonal: bool = False
    kind: Literal["lines"] = field(default="lines", init=False)


@dataclass(frozen=True)
class Bars:
    """Values side by side, from zero.

    unit: written after every value ("%", " ms").
    faint: categories that are drawn hatched, because they do not count (a file that does not ship).
    """

    title: str
    categories: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    faint: Sequence[str] = ()
    kind: Literal["bars"] = field(default="bars", init=False)


Chart = Lines | Bars


@dataclass(frozen=True)
class Section:
    """A titled piece of what a run has to say: a table, a sentence, or both. Shown on the console and in the report.

    Cells and notes that come from the user's data are marked as `Text`.
    leads: it stands at the top of the report.
    charts: the table as pictures, for the report.
    heat: the table is a matrix of counts; the report shades each by its share of its row.
    about: for each row of the table the test row it is about; the report adds the training rows most like it.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    note: str = ""
    leads: bool = False
    charts: Sequence[Chart] = ()
    heat: bool = False
    about: Sequence[int] = ()


@dataclass(frozen=True)
class Problem:
    """Something odd about the data that does not stop a run. remedy: what the user can do, or what is done."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Inspection:
    """What the verb `check` shows beyond what it shows of every run."""

    sections: Sequence[Section] = ()
    problems: Sequence[Problem] = ()
