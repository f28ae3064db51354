"""A format of files: which files are its own, and what rows stand in them."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar, NamedTuple

from framework.contracts.data.table import Row
from framework.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

GZIP = b"\x1f\x8b"
LINE_END = re.compile(r"\r\n|\r|\n")


class Quote(Enum):
    """What quotes are: `auto` finds it out, `none` text, `standard` around fields as RFC 4180 has them, whatever is in them."""

    auto = "auto"
    none = "none"
    standard = "standard"


class Sure(IntEnum):
    """How sure a format is that a file is its own. The surest reads it; of two that are equally sure none does."""

    POSSIBLE = 1
    """It would read the file if no other format does."""
    LIKELY = 2
    """The name promises it."""
    CERTAIN = 3
    """Its bytes, or its whole name, say so, whatever the suffix promises."""


@dataclass(frozen=True)
class Claim:
    """why: part of a sentence for people, such as "its name ends in .csv"."""

    sure: Sure
    why: str


@dataclass(frozen=True)
class Encoding:
    """name: Python's. sure: it is that of the whole file; otherwise of the first bytes alone."""

    name: str
    sure: bool


@dataclass(frozen=True)
class Sniffed:
    """What a file is, as far as its name and first bytes tell. Made once a file and handed on to whoever asks."""

    path: Path
    suffix: str
    """In small letters, without .gz; "" where there is none."""
    compression: str | None
    """"gzip", whatever the name; None: the bytes are as they lie there."""
    head: bytes
    """The first 64 KiB, unpacked."""
    whole: bool
    """Whether `head` is all there is."""
    encoding: Encoding | None
    """None: it is not text. When `Format.read` is called it is sure, unless the format is binary."""
    foreign: str | None = None
    """What its first bytes say it is, none of the framework's own formats, and what to do instead; for an error."""

    @property
    def name(self) -> str:
        """Of the file, without folder and .gz."""
        return self.path.name[:-3] if self.path.name.lower().endswith(".gz") else self.path.name

    @cached_property
    def text(self) -> str:
        """The first bytes decoded; "" where they are not text."""
        return "" if self.encoding is None else self.head.decode(self.encoding.name, "replace")

    @cached_property
    def lines(self) -> Sequence[str]:
        """The first lines without their ends; one that is cut off is left out."""
        lines = LINE_END.split(self.text.removeprefix("\ufeff"))
        return lines if self.whole and lines[-1] else lines[:-1]

    @contextmanager
    def open_bytes(self) -> Iterator[IO[bytes]]:
        """The bytes from the start, unpacked. Raises InputError for what cannot be opened."""
        if self.whole:
            yield io.BytesIO(self.head)
            return
        with open_unpacked(self.path) as stream:
            yield stream

    @contextmanager
    def open_text(self) -> Iterator[IO[str]]:
        """The characters from the start; line ends stay as they are.

        Raises InputError for a byte that the encoding does not have.
        """
        if self.encoding is None:
            raise InputError(f"{self.path} is not text: binary data of an unknown kind; write its rows to a CSV file first")
        try:
            with self.open_bytes() as raw, io.TextIOWrapper(raw, self.encoding.name, newline="") as stream:
                yield stream
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path} is not {self.encoding.name}: byte {error.object[error.start]:#04x}; "
                "give its encoding (data.encoding=latin-1; predict --encoding latin-1)"
            ) from error


@contextmanager
def open_unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where they are gzip, whatever its name. Raises InputError for what cannot be opened."""
    try:
        with path.open("rb") as raw:
            if raw.peek(2)[:2] == GZIP:
                with gzip.open(raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is broken: its gzip data is cut off or damaged ({error}); fetch or pack it again") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; chmod u+r {path.name} allows it") from error


@dataclass(frozen=True)
class ReadOptions:
    """quote: what quotes are in delimited text; None: `Quote.auto`. lists: plain names of columns whose lists count, whatever
    they hold. blocks: rows may come as `Block`s, which is quicker; without it they come one by one, and pyarrow may be missing.
    """

    quote: Quote | None = None
    lists: Collection[str] = ()
    blocks: bool = False


class Block(NamedTuple):
    """Many rows at once. columns: large strings. line: of the first row; each has a line of its own."""

    columns: pa.RecordBatch
    line: int


class Format(ABC):
    """How rows lie in files of one kind. Its module is imported when the first file is read, so it imports nothing heavy."""

    name: ClassVar[str]
    """In ``data.format=NAME``, which reads a file as this format whatever others claim."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of its files, ``(".xyz",)``; a message lists them."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """Names of the tasks whose files may have it; none: any."""
    binary: ClassVar[bool] = False
    """It reads bytes: no encoding is looked for."""
    legacy: ClassVar[str | None] = None
    """Encoding of its files that are not UTF-8; None: it is found out."""
    headed: ClassVar[bool] = False
    """The first line names the columns, so that a file whose first line looks like a row is refused."""

    def claims(self, file: Sniffed) -> Claim | None:
        """How sure it is that a file is its own, and why; None: it is not. Asked of every file, so it opens none."""
        if file.suffix in self.suffixes and file.foreign is None:
            return Claim(Sure.LIKELY, f"its name ends in {file.suffix}")
        return None

    @abstractmethod
    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The rows in order, read as they are asked for; each value as it is written. say: takes what was repaired or left out.

        Raises InputError naming file and line. Anything else it raises is told with its name and distribution.
        """
