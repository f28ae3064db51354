"""Collects the notes on files while they are read: a note that holds for several files is made once.

Notes on columns of lists are made only for columns whose lists become JSON texts, not for those whose lists are parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from framework.contracts.message import Message, listed, message
from framework.errors import some

VALUES = message("{count:,} values of {names} in {file} are lists and were read as JSON text")
COLUMNS = message("{file}: {names} hold lists or structs of texts and were kept as JSON text")
Key = tuple[str, tuple[tuple[str, object], ...]]


class Lists(str):
    """A note that a column of a file holds lists; as a string the sentence on this column alone.

    `sentences` makes one sentence of several such notes.
    """

    sentence: Message
    """A template with {names}, {file} and maybe {count}."""
    file: str
    column: str
    rows: int
    """How many rows hold a list; 0 where they are not counted."""

    def __new__(cls, sentence: Message, file: str, column: str, rows: int = 0) -> Lists:
        note = super().__new__(cls, sentence.filled(names=some([column]), file=file, count=rows))
        note.sentence, note.file, note.column, note.rows = sentence, file, column, rows
        return note


def sentences(lists: Sequence[Lists], but: Collection[str]) -> Iterator[Message]:
    """Sentences on columns of lists, without columns in `but`; columns of a file with equally many lists share a sentence."""
    together: dict[tuple[str, Message, int], list[str]] = {}
    for note in sorted(lists, key=lambda note: -note.rows):
        if note.column not in but:
            together.setdefault((note.file, note.sentence, note.rows), []).append(note.column)
    files = list(dict.fromkeys(note.file for note in lists))
    for (file, sentence, rows), names in sorted(together.items(), key=lambda pair: files.index(pair[0][0])):
        yield sentence.filled(names=listed(names, most=3), file=file, count=rows)


@dataclass
class Notes:
    """Notes on several files: those that differ only in the values ``file`` and ``count`` become one; equal ones, too."""

    alike: dict[Key, list[str]] = field(default_factory=dict)
    """Notes by all but their ``file`` and ``count``."""
    lists: list[Lists] = field(default_factory=list)

    def add(self, note: str) -> None:
        """Takes a note; those on lists are kept apart."""
        if isinstance(note, Lists):
            self.lists.append(note)
        else:
            self.alike.setdefault(_key(note), []).append(note)

    def say(self, say: Callable[[str], None]) -> None:
        """Hands the merged notes to `say`, without those on lists."""
        for notes in self.alike.values():
            messages = [note for note in notes if isinstance(note, Message)]
            say(_merged(messages) if len(messages) > 1 else notes[0])


def _key(note: str) -> Key:
    values: Mapping[str, object] = note.values if isinstance(note, Message) else {}
    rest = tuple((name, value) for name, value in values.items() if name not in ("file", "count"))
    return (note.template if isinstance(note, Message) else note, rest)


def _merged(notes: list[Message]) -> Message:
    """One note for several that differ only in file and count: on the first file "and n more files", with the counts summed."""
    values = dict(notes[0].values)
    counts = [count for note in notes if isinstance(count := note.values.get("count"), int)]
    more = message("{file} and {count:,} more files", file=values.get("file"), count=len(notes) - 1)
    return notes[0].filled(**values | {"file": more} | ({"count": sum(counts)} if counts else {}))
