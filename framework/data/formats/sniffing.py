"""Recognises what a file is by its first bytes, because names lie; for a file that holds no rows, says what to do instead."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from framework.contracts.data.format import Sniffed, open_unpacked
from framework.data.formats.encodings import encoding_of_head
from framework.errors import InputError
from framework.plugins import load_plugins

HEAD = 1 << 16  # bytes read of a file, at most

UNPACK = "unpack it and name the file inside"
CONVERT = "write its rows to a CSV or Parquet file first"
PICKLE = "a Python pickle, which can run code when it is read"
DATAFRAME = "write it from the program that made it: frame.to_csv('rows.csv', index=False)"
PAGE = "an HTML or XML page, not rows (a saved login or error page?); fetch the file itself"
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
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"version https://git-lfs", "a git-lfs pointer, not the file it stands for", "fetch it with git lfs pull"),
)


def sniff(path: Path, encoding: str | None = None) -> Sniffed:
    """What the name and the first bytes of a file tell. encoding: of the file, as the user names it; None: detected.

    Raises InputError for a folder, for a file that cannot be opened, and for an encoding that does not exist.
    """
    if path.is_dir():
        raise InputError(folder_hint(path))
    with open_unpacked(path) as stream:
        head = stream.read(HEAD)
        compression = "gzip" if isinstance(stream, gzip.GzipFile) else None
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    whole = len(head) < HEAD
    encoded = encoding_of_head(head, encoding, whole=whole)
    sniffed = Sniffed(path, plain.suffix.lower(), compression, head, whole, encoded)
    return replace(sniffed, foreign=_foreign(sniffed))


def _foreign(file: Sniffed) -> str | None:
    """The kind of a file that the framework certainly cannot read, with what to do instead; None: it may hold rows."""
    for signature, kind, remedy in SIGNATURES:
        if file.head.startswith(signature):
            return f"{kind}; {remedy}"
    if re.match(rb"\x80[\x02-\x05][\x95\x8ac(}\]]", file.head):
        return f"{PICKLE}; {DATAFRAME}"
    if file.head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(file.path)
    if file.head[257:262] == b"ustar":
        return f"a tar archive; {UNPACK}"
    start = file.text.lstrip("\ufeff \t\r\n")
    page = re.match(r"<(!doctype|html|head|body|\?xml|!--|script)", start, re.IGNORECASE)
    return PAGE if page else None


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


def folder_hint(path: Path) -> str:
    """The message for a folder in place of a file, with a glob for the files in it."""
    on_disk = path if str(path).startswith(("/", ".", "~")) else f"./{path}"
    readable = {suffix for file_format, _ in load_plugins().every_format() for suffix in file_format.suffixes}
    suffixes = Counter[str]()
    with suppress(OSError):  # the user may not list the folder
        suffixes.update(inner.suffix for inner in path.iterdir() if inner.suffix.lower() in readable)
    many = path / f"*{suffixes.most_common(1)[0][0] if suffixes else '.csv'}"
    return f"{path} is a folder; name a file in it, {many} for many, hf://{on_disk} for a Hugging Face data set on disk"
