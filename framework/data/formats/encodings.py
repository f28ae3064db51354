"""Detects the encoding of a text file: byte order mark, then UTF-8, then the legacy encodings a detector distinguishes."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace

from framework.contracts.data.format import Encoding, Sniffed
from framework.contracts.message import message
from framework.errors import InputError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: this mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# One or two for each script. More would add doubt: cp1250 and cp1254 decode Western texts too, with a few letters wrong.
LEGACY = [
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp1252",
]  # fmt: skip
UTF_8, LATIN = "utf-8", "latin-1"  # guesses by the first bytes; latin-1 stands for any superset of ASCII but UTF-8
BLOCK = 1 << 20  # bytes read at a time
SAMPLE = 1 << 16  # bytes of non-ASCII lines that the detector sees, about
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
MAX_CONTROL = 0.02  # share of control characters above which bytes are not text


def encoding_of_head(head: bytes, name: str | None, *, whole: bool) -> Encoding | None:
    """The encoding of a file's first bytes; None: they are not text.

    name: the encoding that the user names; None: detected. whole: whether `head` is the complete file. Raises InputError for an
    unknown name.
    """
    if name is not None:
        return Encoding(_python_name(name), sure=True)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return Encoding(encoding, sure=True)
    if (wide := _utf16_without_mark(head)) is not None:
        return Encoding(wide, sure=False)
    if len(head.translate(None, CONTROL)) < (1 - MAX_CONTROL) * len(head):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return Encoding(LATIN, sure=False)
    return Encoding(UTF_8, sure=False)


def with_encoding(file: Sniffed, say: Callable[[str], None], legacy: str | None = None) -> Sniffed:
    """The sniffed file with the encoding of all its bytes, which are read unless the encoding is sure already.

    say: takes a note where another encoding than UTF-8 was detected. legacy: the encoding of files of this format that are not
    UTF-8; None: detected. Raises InputError for bytes that are no text, and for a file that mixes encodings.
    """
    if file.encoding is None:
        raise InputError(f"{file.path} is not text: binary data of an unknown kind; write its rows to a CSV file first")
    if file.encoding.sure:
        return file
    name = file.encoding.name
    if name in (UTF_8, LATIN):
        name = UTF_8 if _is_utf8(file, say) else legacy or _legacy(file)
    if name != UTF_8:
        say(
            message(
                "{file} is not UTF-8 and was read as {encoding}; data.encoding= (predict --encoding) says otherwise",
                file=file.path.name,
                encoding=name,
            )
        )
    return replace(file, encoding=Encoding(name, sure=True))


def _python_name(name: str) -> str:
    """Python's name of an encoding. Raises InputError for an unknown one."""
    try:
        "".encode(name)  # refuses codecs of bytes too, such as base64
        return codecs.lookup(name).name
    except LookupError as error:
        raise InputError(f"no encoding {name!r}; examples: utf-8, latin-1, cp1252, utf-16, gb18030") from error


def _utf16_without_mark(head: bytes) -> str | None:
    """The name of UTF-16 without a byte order mark, where delimiters and digits have a zero byte, always on the same side."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not head or max(even, odd) < 0.1 * len(head) / 2 or min(even, odd):
        return None
    return "utf-16-be" if even else "utf-16-le"


def _is_utf8(file: Sniffed, say: Callable[[str], None]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    nuls = 0
    with file.open_bytes() as stream:
        try:
            while block := stream.read(BLOCK):
                nuls += block.count(0)
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    if nuls:
        say(
            message(
                "{file} holds {nuls:,} NUL characters, kept as they are; a broken export often leaves them",
                file=file.path.name,
                nuls=nuls,
            )
        )
    return True


def _legacy(file: Sniffed) -> str:
    """The likeliest legacy encoding that decodes the whole file."""
    from charset_normalizer import from_bytes

    sample = _lines_outside_ascii(file)
    match = from_bytes(sample, cp_isolation=LEGACY).best() or from_bytes(sample, cp_isolation=["cp1250"]).best()
    likely = [match.encoding] if match else []
    return next(encoding for encoding in [*likely, "cp1252", "latin-1"] if _decodes(file, encoding))


def _lines_outside_ascii(file: Sniffed) -> bytes:
    """A sample of the non-ASCII lines. Raises InputError where many of them are valid UTF-8 although the file is not."""
    sample, valid, broken = bytearray(), 0, list[int]()
    with file.open_bytes() as stream:
        for number, line in enumerate(stream, start=1):
            if line.isascii():
                continue
            if len(sample) < SAMPLE:
                sample += line[:SAMPLE]
            try:
                line.decode()
                valid += 1
            except UnicodeDecodeError:
                broken.append(number)
    # two characters of GB18030 now and then look like one of UTF-8, so a few valid lines prove nothing
    if valid >= len(broken) or (valid >= 5 and valid > 0.1 * len(broken)):
        raise InputError(
            f"{file.path} mixes encodings: line {broken[0]} is not UTF-8 although {valid:,} other lines are "
            f"({len(broken):,} such lines); write the file in one encoding, or force one with data.encoding="
        )
    return bytes(sample)


def _decodes(file: Sniffed, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with file.open_bytes() as stream:
        try:
            while block := stream.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
