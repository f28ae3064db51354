"""Files without a header whose columns are known by the file's name: MovieLens as GroupLens packs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from framework.contracts.table import Row
from framework.errors import InputError

ENCODING = "latin-1"  # of those files that are not UTF-8
MAX_SHOWN = 5  # broken lines named in one message
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What the lines of a file hold, in order.

    what: for people. names: of the columns. row: the values of the columns, from the fields of a line; None: its fields.
    fields: in a line.
    """

    what: str
    delimiter: str
    names: tuple[str, ...]
    fields: int
    row: Callable[[list[str]], list[str]] | None = None


def _item(fields: list[str]) -> list[str]:
    """id, title, date of release, of video, address, a flag for each genre."""
    genres = [genre for genre, flag in zip(GENRES, fields[5:], strict=True) if flag == "1"]
    return [fields[0], fields[1], fields[2][-4:], " ".join(genres)]


def _movie(fields: list[str]) -> list[str]:
    """id, title with the year behind it, genres between bars."""
    year = re.search(r"\((\d{4})\)\s*$", fields[1])
    return [fields[0], fields[1], year[1] if year else "", fields[2].replace("|", " ")]


RATING = ("user", "item", "rating", "timestamp")
ITEM = ("item", "title", "year", "genres")
LAYOUTS = (
    (r"u[1-5ab]?\.(data|base|test)", Layout("MovieLens 100K's ratings", "\t", RATING, 4)),
    (r"u\.item", Layout("MovieLens 100K's items", "|", ITEM, 24, _item)),
    (r"u\.user", Layout("MovieLens 100K's users", "|", ("user", "age", "gender", "occupation", "zip"), 5)),
    (r"ratings\.dat", Layout("MovieLens' ratings", "::", RATING, 4)),
    (r"movies\.dat", Layout("MovieLens' items", "::", ITEM, 3, _movie)),
    (r"users\.dat", Layout("MovieLens 1M's users", "::", ("user", "gender", "age", "occupation", "zip"), 5)),
)


def layout_of(path: Path) -> Layout | None:
    """The layout that a file's name promises, packed with gzip or not."""
    name = path.name.removesuffix(".gz")
    return next((layout for pattern, layout in LAYOUTS if re.fullmatch(pattern, name)), None)


def layout_rows(path: Path, layout: Layout, stream: IO[str], say: Callable[[str], None]) -> Iterator[Row]:
    """Rows in order. Raises InputError naming the first few lines that do not have its fields."""
    say(read_as(path, layout))
    broken: list[str] = []
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r\n").split(layout.delimiter)
        if len(fields) != layout.fields:
            broken.append(f"{path}, line {number}: {len(fields)} fields where {layout.what} have {layout.fields}")
            if len(broken) == MAX_SHOWN:
                break
        elif not broken:
            yield Row(number, dict(zip(layout.names, layout.row(fields) if layout.row else fields, strict=True)))
    if broken:
        raise InputError(
            *broken,
            f"{path.name} was taken for {layout.what}, without a header and separated by {layout.delimiter!r}, for its name; "
            "give other rows a header line and a name that ends in .csv or .tsv",
        )


def read_as(path: Path, layout: Layout) -> str:
    return f"{path.name} was read as {layout.what}, which have no header: {', '.join(layout.names)}"
