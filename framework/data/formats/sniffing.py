"""What a file is, told by its bytes: names lie. Gzip is unpacked; what holds no rows is refused with what to do instead."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

from framework.data.formats.layouts import layout_of
from framework.errors import InputError

Format = Literal["delimited", "json", "parquet", "yaml"]

FORMATS: dict[str, Format] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".inter", ".item", ".user"), "delimited"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    ".parquet": "parquet",
}
READABLE = f"{', '.join(FORMATS)}, or a text one with .gz, or MovieLens' own u.data or ratings.dat"
HEAD = 1 << 16  # bytes looked at
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"

UNPACK = "unpack it and name the file inside"
CONVERT = "write its rows to a CSV or Parquet file first"
PICKLE = "a Python pickle, which can run code when it is read"
DATAFRAME = "write it from the program that made it: frame.to_csv('rows.csv', index=False)"
SIGNATURES = (
    (b"\x89PNG", "a PNG image", "name a file of labelled rows"),
    (b"\xff\xd8\xff", "a JPEG image", "name a file of labelled rows"),
    (b"GIF8", "a GIF image", "name a file of labelled rows"),
    (b"%PDF", "a PDF document", CONVERT),
    (b"{\\rtf", "a rich text document", "save it as plain text, CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "open it and save it as CSV UTF-8"),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ", "compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (b"Rar!", "a rar archive", UNPACK),
    (b"SQLite format 3", "an SQLite database", CONVERT),
    (b"\x93NUMPY", "a NumPy array", CONVERT),
    (b"\x89HDF", "an HDF5 file", CONVERT),
    (b"ARROW1", "an Arrow or Feather file", CONVERT),
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"version https://git-lfs", "a git-lfs pointer, not the file it stands for", "fetch it with git lfs pull"),
)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
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
    except IsADirectoryError as error:
        raise InputError(folder_hint(path)) from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; chmod u+r {path.name} allows it") from error


def folder_hint(path: Path) -> str:
    on_disk = path if str(path).startswith(("/", ".", "~")) else f"./{path}"
    suffixes = Counter[str]()
    with suppress(OSError):  # one that may not be listed
        suffixes.update(inner.suffix for inner in path.iterdir() if inner.suffix.lower() in FORMATS)
    many = path / f"*{suffixes.most_common(1)[0][0] if suffixes else '.csv'}"
    return f"{path} is a folder; name a file in it, {many} for many, hf://{on_disk} for a Hugging Face data set on disk"


def read_head(path: Path) -> bytes:
    """The first bytes, unpacked. Raises InputError for what is certainly not rows."""
    with open_bytes(path) as stream:
        head = stream.read(HEAD)
    for signature, what, instead in SIGNATURES:
        if head.startswith(signature):
            raise InputError(f"{path} is {what}; {instead}")
    if re.match(rb"\x80[\x02-\x05][\x95\x8ac(}\]]", head):
        raise InputError(f"{path} is {PICKLE}; {DATAFRAME}")
    if head.startswith(b"PK\x03\x04"):
        raise InputError(f"{path} is {_kind_of_zip(path)}")
    if head[257:262] == b"ustar":
        raise InputError(f"{path} is a tar archive; {UNPACK}")
    return head


def _kind_of_zip(path: Path) -> str:
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, OSError):
        return f"a broken zip archive or Excel file; fetch it again, then {UNPACK}"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook; open it and save it as CSV UTF-8"
    if any(name.startswith(("word/", "ppt/")) or name == "mimetype" for name in names):
        return f"an office document; {CONVERT}"
    return f"a zip archive with {', '.join(names[:3])}; {UNPACK}"


def promised_by(path: Path) -> Format | None:
    """What a name promises; None where it promises nothing we read."""
    try:
        return format_by_name(path)[1]
    except InputError:
        return None


def format_by_name(path: Path) -> tuple[str, Format]:
    """The suffix (without .gz) and what it promises. Raises InputError for a name that promises nothing we read."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    suffix = plain.suffix.lower()
    if layout_of(path):
        return suffix, "delimited"
    if suffix not in FORMATS:
        raise InputError(f"cannot read {path}: a file must end in one of {READABLE}")
    return suffix, FORMATS[suffix]


def format_by_text(path: Path, promised: Format, head: str) -> Format:
    """What the first characters of a text file say, over what its name promises. Raises InputError for a web page."""
    start = head.lstrip("\ufeff \t\r\n")
    if re.match(r"<(!doctype|html|head|body|\?xml|!--|script)", start, re.IGNORECASE):
        raise InputError(f"{path} is an HTML or XML page, not rows (a saved login or error page?); fetch the file itself")
    if promised == "delimited" and re.match(r'\[?\s*\{\s*"', start):
        return "json"
    if promised == "json" and start and start[0] not in "{[" and re.match(r"[^{}:]*[,;\t|]", start.splitlines()[0]):
        return "delimited"
    return promised
