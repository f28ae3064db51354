"""Charts that a section may carry: what is drawn, as plain data. The table of the section says the same in numbers."""

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
