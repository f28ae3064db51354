"""The contract of a file format: which files it recognises, and how rows are read from them."""

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
    """The meaning of quotes in delimited text: with `standard` they enclose fields (RFC 4180), with `none` they are text, with
    `auto` the file's content decides.
    """

    auto = "auto"
    none = "none"
    standard = "standard"


class Sure(IntEnum):
    """How sure a format, or with ``recipe=auto`` a task, is that a file is for it. The surest one gets the file; two that are
    equally sure are an error.
    """

    POSSIBLE = 1
    """The format can read the file if no other can; the task's columns were found by their values."""
    LIKELY = 2
    """The file's suffix is the format's; its headers are the task's."""
    CERTAIN = 3
    """The file's bytes, or its full name, belong to the format, whatever its suffix."""


@dataclass(frozen=True)
class Claim:
    """The statement of a format or a task that a file is for it."""

    sure: Sure
    why: str
    """The reason as part of a sentence, such as "its name ends in .csv"."""


@dataclass(frozen=True)
class Encoding:
    """The character encoding of a file."""

    name: str
    """Python's name."""
    sure: bool
    """Whether the whole file was checked; otherwise only its first bytes were."""


@dataclass(frozen=True)
class Sniffed:
    """A file's name, first bytes and encoding, from which formats tell what it is. It is made once for each file."""

    path: Path
    suffix: str
    """In lower case, without .gz; "" where there is none."""
    compression: str | None
    """"gzip", whatever the file's name; None: not compressed."""
    head: bytes
    """The first 64 KiB, decompressed."""
    whole: bool
    """Whether `head` is the complete file."""
    encoding: Encoding | None
    """None: the file is not text. In `Format.read` the encoding is sure, unless the format is binary."""
    foreign: str | None = None
    """Where the first bytes are of a format that cannot be read, its name and what to do instead, for the error."""

    @property
    def name(self) -> str:
        """The file's name without folder and .gz."""
        return self.path.name[:-3] if self.path.name.lower().endswith(".gz") else self.path.name

    @cached_property
    def text(self) -> str:
        """`head` decoded; "" where it is not text."""
        return "" if self.encoding is None else self.head.decode(self.encoding.name, "replace")

    @cached_property
    def lines(self) -> Sequence[str]:
        """The complete lines of `head`, without line ends."""
        lines = LINE_END.split(self.text.removeprefix("\ufeff"))
        return lines if self.whole and lines[-1] else lines[:-1]

    @contextmanager
    def open_bytes(self) -> Iterator[IO[bytes]]:
        """Opens the file for its decompressed bytes. Raises InputError for a file that cannot be opened."""
        if self.whole:
            yield io.BytesIO(self.head)
            return
        with open_unpacked(self.path) as stream:
            yield stream

    @contextmanager
    def open_text(self) -> Iterator[IO[str]]:
        """Opens the file as text; line ends are not translated. Raises InputError for bytes that the encoding cannot decode."""
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
    """Opens a file for its bytes, decompressed if they are gzip, whatever its name. Raises InputError if it cannot be read."""
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
    """How a file is to be read."""

    quote: Quote | None = None
    """The meaning of quotes in delimited text; None: `Quote.auto`."""
    lists: Collection[str] = ()
    """Normalized headers of columns whose lists are kept; a list in any other column is reported, or its column left out."""
    blocks: bool = False
    """Whether rows may come as `Block`s, which is faster; otherwise each is a `Row`, and pyarrow is not needed."""


class Block(NamedTuple):
    """Many rows at once."""

    columns: pa.RecordBatch
    """Columns of type ``large_string``."""
    line: int
    """The line of the first row; every further row is one line below."""


class Format(ABC):
    """Reads the files of one format. Its module is imported when the first file is read, so it imports nothing slow."""

    name: ClassVar[str]
    """The NAME of ``data.format=NAME``, which reads a file with this format, whatever others claim."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Suffixes of its files, ``(".xyz",)``; messages list them."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """Names of the tasks whose files may have this format; empty: all tasks."""
    binary: ClassVar[bool] = False
    """Whether its files are binary, so that no encoding is detected."""
    legacy: ClassVar[str | None] = None
    """Encoding of its files that are not UTF-8; None: it is detected."""
    headed: ClassVar[bool] = False
    """Whether the first line must name the columns; a file whose first line looks like a row is then refused."""

    def claims(self, file: Sniffed) -> Claim | None:
        """How sure the format is that it can read the file; None: it cannot. Called for every file, so it must not open it."""
        if file.suffix in self.suffixes and file.foreign is None:
            return Claim(Sure.LIKELY, f"its name ends in {file.suffix}")
        return None

    @abstractmethod
    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """Reads the rows lazily, in order, with every value as the file writes it.

        say: takes a sentence about anything that was repaired or left out. Raises InputError naming file and line. Any other
        exception is reported with the format's name and distribution.
        """
