"""MovieLens files as GroupLens publishes them: without a header; the name of a file tells the columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from framework import Block, Claim, Format, InputError, ReadOptions, Row, Say, Sniffed, Sure, message, nearest, plain_lines

MAX_SHOWN = 5  # broken lines named in one message, at most
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


@dataclass(frozen=True)
class LineLayout:
    """The fields of a line, and the columns that they become."""

    title: str
    """The kind of file, for messages."""
    delimiter: str
    names: tuple[str, ...]
    """Names of the columns."""
    fields: int
    """Number of fields of a line."""
    row: Callable[[list[str]], list[str]] | None = None
    """Turns the fields of a line into the values of the columns; None: the fields are the values."""


def _item(fields: list[str]) -> list[str]:
    """Columns of MovieLens 100K's items. fields: id, title, release date, video release date, URL, a flag for each genre."""
    genres = [genre for genre, flag in zip(GENRES, fields[5:], strict=True) if flag == "1"]
    return [fields[0], fields[1], fields[2][-4:], " ".join(genres)]


def _movie(fields: list[str]) -> list[str]:
    """Columns of movies.dat. fields: id, title with the year at its end, genres separated by bars."""
    year = re.search(r"\((\d{4})\)\s*$", fields[1])
    return [fields[0], fields[1], year[1] if year else "", fields[2].replace("|", " ")]


RATING = ("user", "item", "rating", "timestamp")
ITEM = ("item", "title", "year", "genres")
LAYOUTS = (
    (r"u[1-5ab]?\.(data|base|test)", LineLayout(message("MovieLens 100K's ratings"), "\t", RATING, 4)),
    (r"u\.item", LineLayout(message("MovieLens 100K's items"), "|", ITEM, 24, _item)),
    (r"u\.user", LineLayout(message("MovieLens 100K's users"), "|", ("user", "age", "gender", "occupation", "zip"), 5)),
    (r"ratings\.dat", LineLayout(message("MovieLens' ratings"), "::", RATING, 4)),
    (r"movies\.dat", LineLayout(message("MovieLens' items"), "::", ITEM, 3, _movie)),
    (r"users\.dat", LineLayout(message("MovieLens 1M's users"), "::", ("user", "gender", "age", "occupation", "zip"), 5)),
)
NAMES = ("u.data", "u.item", "u.user", "ratings.dat", "movies.dat", "users.dat")


class MovieLens(Format):
    name: ClassVar[str] = "movielens"
    legacy: ClassVar[str | None] = "latin-1"

    def claims(self, file: Sniffed) -> Claim | None:
        layout = _layout(file.name)
        return Claim(Sure.CERTAIN, f"it is called as {layout.title} are") if layout and file.foreign is None else None

    def read(self, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row | Block]:
        layout = _layout(file.name)
        if layout is None:
            raise InputError(f"{file.path}: MovieLens' files are told by their names; {nearest(file.name, NAMES, 'they are')}")
        say(
            message(
                "{file} was read as {layout}, which have no header: {columns}",
                file=file.path.name,
                layout=layout.title,
                columns=", ".join(layout.names),
            )
        )
        rows, complete = 0, False
        if options.blocks and layout.row is None:
            empty = [""] * (len(layout.delimiter) - 1)  # an empty column between the colons of ::
            names = [name for column in layout.names for name in (*empty, column)][len(empty) :]
            rows, complete = yield from plain_lines(file, names, layout.delimiter[0], options)
        if not complete:
            yield from islice(_rows(file, layout), rows, None)


def _layout(name: str) -> LineLayout | None:
    return next((layout for pattern, layout in LAYOUTS if re.fullmatch(pattern, name)), None)


def _rows(file: Sniffed, layout: LineLayout) -> Iterator[Row]:
    """The rows of a file. Raises InputError naming the first few lines whose number of fields is not that of the layout."""
    broken: list[str] = []
    with file.open_text() as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            fields = line.rstrip("\r\n").split(layout.delimiter)
            if len(fields) != layout.fields:
                broken.append(f"{file.path}, line {number}: {len(fields)} fields where {layout.title} have {layout.fields}")
                if len(broken) == MAX_SHOWN:
                    break
            elif not broken:
                yield Row(number, dict(zip(layout.names, layout.row(fields) if layout.row else fields, strict=True)))
    if broken:
        raise InputError(
            *broken,
            f"{file.path.name} was taken for {layout.title}, without a header and separated by {layout.delimiter!r}, for its "
            "name; give other rows a header line and a name that ends in .csv or .tsv, or say data.format=csv",
        )
