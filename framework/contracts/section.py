"""Sections of the console output and the report: titled tables, notes and charts, and problems of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Series:
    """One named series of a chart."""

    name: str
    y: Sequence[float | None]
    """In a `Lines` chart the y of each point, in a `Bars` chart the value of each category; None: no value."""
    x: Sequence[float] = ()
    """In a `Lines` chart the x of each point."""


@dataclass(frozen=True)
class Lines:
    """A line chart: curves, or the outlines of histograms."""

    title: str
    x: str
    """Label of the x axis."""
    y: str
    """Label of the y axis."""
    series: Sequence[Series]
    steps: bool = False
    """Whether the line is a step function: each y holds until the next x."""
    diagonal: bool = False
    """Whether both axes go from 0 to 1 and the ideal is the diagonal, as in a calibration curve."""
    kind: Literal["lines"] = field(default="lines", init=False)


@dataclass(frozen=True)
class Bars:
    """A bar chart with bars from zero."""

    title: str
    categories: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    """Written after every value ("%", " ms")."""
    faint: Sequence[str] = ()
    """Categories that are drawn hatched, such as files that do not ship."""
    kind: Literal["bars"] = field(default="bars", init=False)


Chart = Lines | Bars


@dataclass(frozen=True)
class CsvFile:
    """A table that is written as a CSV file into the run's folder, for rows that are too many to show."""

    name: str
    """The file's name, such as suspicious.csv."""
    header: Sequence[str]
    """Column names for programs, never translated."""
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """A titled table, a note, or both, shown on the console and in the report.

    Mark cells and notes that come from the user's data as `Text`, those of `file` included.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    note: str = ""
    leads: bool = False
    """Whether the section is at the top of the report."""
    charts: Sequence[Chart] = ()
    """Charts of the table, for the report."""
    heat: bool = False
    """Whether the table is a matrix of counts; the report shades each cell by its share of its row."""
    about: Sequence[int] = ()
    """For each row of the table the index of the test row that it is about; the report adds the most similar training rows."""
    file: CsvFile | None = None
    """A longer table, which a run writes into its folder; the verb `check` does not."""


@dataclass(frozen=True)
class Problem:
    """Something unusual about the data that does not stop a run."""

    what: str
    remedy: str
    """What the user can do about it, or what the framework does."""


@dataclass(frozen=True)
class Inspection:
    """Sections and problems that a task or candidate adds to the output of the verb `check`."""

    sections: Sequence[Section] = ()
    problems: Sequence[Problem] = ()
