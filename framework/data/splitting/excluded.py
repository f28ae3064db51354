"""Leaves rows out of training that a file of the user's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.contracts.data.table import Splits, Table
from framework.contracts.message import Message, message
from framework.data.sources import addresses
from framework.data.splitting.named_rows import SHOWN, NamedRow, named_rows
from framework.errors import InputError, nearest, some

Place = tuple[int, int]  # the number of a file among the training files, and a line of it


def without_excluded(splits: Splits, exclude: Any, places: Mapping[str, Table]) -> Splits:
    """The splits without the training rows that the files `exclude` name, and notes that count them.

    Rows that are held out for validation or test stay. places: of each split the file and line of all rows that were read.
    Raises InputError naming every row that is not in the training files, up to `SHOWN` of them.
    """
    read = places["train"]
    named = _places_of(named_rows(exclude), places)
    kept = [row for row, place in enumerate(_places(splits.train)) if place not in named]
    if not kept:
        raise InputError(f"data.exclude={_shown(exclude)} names every training row; nothing is left to train on")
    held_out = [
        table.where(row)
        for table in (splits.validation, splits.test)
        if table.source == read.source
        for row, place in enumerate(_places(table))
        if place in named
    ]
    counts = {"excluded": len(splits.train) - len(kept), "held_out": len(held_out)}
    notes = _notes(read, exclude, counts, named=len(named), example=next(iter(held_out), ""))
    return replace(splits, train=splits.train.take(kept), notes=[*splits.notes, *notes])


def _notes(read: Table, exclude: Any, counts: Mapping[str, int], *, named: int, example: str) -> list[Message]:
    values = {"exclude": _shown(exclude), "file": read.name}
    others = named - sum(counts.values())
    notes = [
        message("{rows:,} rows of {file} are left out of training: data.exclude={exclude}", rows=counts["excluded"], **values)
    ]
    if counts["held_out"]:
        notes.append(
            message(
                "{rows:,} rows that data.exclude={exclude} names are held out for validation or test, {place} for example: "
                "they stay there",
                rows=counts["held_out"],
                exclude=values["exclude"],
                place=example,
            )
        )
    if others:
        notes.append(
            message(
                "{rows:,} rows that data.exclude={exclude} names were no training rows, such as repeats of another",
                rows=others,
                exclude=values["exclude"],
            )
        )
    return notes


def _shown(exclude: Any) -> str:
    return _paths(addresses(exclude))


def _paths(files: Sequence[str]) -> str:
    """The first files, uncut, because a part of a path leads nowhere."""
    return some(files, quoted=False, most=3, longest=max(map(len, files)))


def _places_of(named: Sequence[NamedRow], places: Mapping[str, Table]) -> set[Place]:
    """The places of named rows in the training files. Raises InputError for rows that are not there."""
    files = _files(places["train"])
    numbers = {name: _find(name, places) for name in {row.file for row in named}}
    wanted = {(number, row.line): row for row in named if isinstance(number := numbers[row.file], int)}
    problems = [f"{row.where}: {problem}" for row in named if isinstance(problem := numbers[row.file], str)]
    rows_at = Counter(place for place in _places(places["train"]) if place in wanted)
    for place, row in wanted.items():
        if rows_at[place] != 1:
            problems.append(f"{row.where}: {_wrong_line(files[place[0]], row.line, rows_at[place])}")
    if problems:
        more = [f"and {len(problems) - SHOWN:,} more rows"] if len(problems) > SHOWN else []
        raise InputError(*problems[:SHOWN], *more)
    return set(wanted)


def _files(table: Table) -> list[str]:
    return list(table.files) if table.files else [table.source]


def _places(table: Table) -> Iterator[Place]:
    file_of = table.file_of if table.files else [0] * len(table)
    yield from ((int(file), int(line)) for file, line in zip(file_of, table.lines, strict=True))


def _find(name: str, places: Mapping[str, Table]) -> int | str:
    """The number of a training file by its path, or by its name where no other file has it; else what is wrong."""
    path, train = Path(name), _files(places["train"])
    files = [(split, number, Path(file)) for split, table in places.items() for number, file in enumerate(_files(table))]
    alike = [one for one in files if one[2].resolve() == path.resolve()] or [one for one in files if one[2].name == path.name]
    if not alike:
        return f"{name!r} is no training file; {nearest(name, [Path(file).name for file in train], 'training files')}"
    if len(alike) > 1:
        return f"several files are called {name}; write the path, {_paths([str(file) for *_, file in alike])}"
    split, number, _ = alike[0]
    return number if split == "train" else f"{name} is the {split} file, of which no row is left out; name training rows"


def _wrong_line(file: str, line: int, rows: int) -> str:
    if rows:
        return f"{rows:,} rows begin in line {line} of {file}, which cannot be told apart; write each row on a line of its own"
    return f"no row of {file} begins in line {line}"
