"""Lists in files whose columns are texts: they lie there as JSON, which is said of the columns that are read as texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from framework.errors import some

VALUES = "{rows} values of {names} in {file} are lists and were read as JSON text"
COLUMNS = "{file}: {names} hold lists or structs of texts and were kept as JSON text"


class Lists(str):
    """A note that a column of a file holds lists, true unless a role reads the lists as they are.

    It is the sentence on this column alone; several of a file become one.
    sentence: with {names}, {file} and maybe {rows}. rows: how many hold a list, where that is counted.
    """

    sentence: str
    file: str
    column: str
    rows: int

    def __new__(cls, sentence: str, file: str, column: str, rows: int = 0) -> Lists:
        note = super().__new__(cls, sentence.format(names=some([column]), file=file, rows=f"{rows:,}"))
        note.sentence, note.file, note.column, note.rows = sentence, file, column, rows
        return note


def sentences(lists: Sequence[Lists], but: Collection[str]) -> Iterator[tuple[str, str]]:
    """(file, sentence) for the columns but some; those of a file with as many lists are named together."""
    together: dict[tuple[str, str, int], list[str]] = {}
    for note in sorted(lists, key=lambda note: -note.rows):
        if note.column not in but:
            together.setdefault((note.file, note.sentence, note.rows), []).append(note.column)
    files = list(dict.fromkeys(note.file for note in lists))
    for (file, sentence, rows), names in sorted(together.items(), key=lambda pair: files.index(pair[0][0])):
        yield file, sentence.format(names=some(names, most=3), file=file, rows=f"{rows:,}")
