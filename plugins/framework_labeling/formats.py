"""Parses CoNLL files: one token a line, columns separated by tabs or spaces, sentences by blank lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework import InputError
from framework_labeling.rows import Sentence, raise_some

COLUMNS = ("tokens", "tags")  # columns of a table of sentences
MOST_COLUMNS = 10
DOCUMENT = "-DOCSTART-"
CONLLU = 10  # columns of Universal Dependencies: number, form, lemma, universal part of speech ...
_TAB = re.compile("\t")
_TAG = re.compile("O|[BIESLUMW]-.+")
_SPACES = re.compile("[ \t]+")  # a no-break space may be part of a token


@dataclass(frozen=True)
class Columns:
    """Which columns of a CoNLL file hold tokens and tags."""

    token: int
    """Position of the tokens, counted from 0."""
    tag: int
    """Position of the tags, counted from 0."""
    reason: str
    """A sentence on why these are the columns."""
    numbered: bool = False
    """Whether the first column counts the tokens."""


@dataclass(frozen=True)
class ConllFile:
    """The content of a CoNLL file."""

    sentences: Sequence[Sentence]
    columns: Columns
    comments: int = 0
    """Number of comment lines, which were left out."""


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    cells: Sequence[str]


def read_conll(path: Path) -> ConllFile:
    """The sentences of a file in UTF-8, with or without byte order mark. Raises InputError, which names file and lines."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start:,} is not UTF-8; convert the file: iconv -f ENCODING -t UTF-8") from error
    return parse_conll(text, str(path))


def parse_conll(text: str, source: str) -> ConllFile:
    """The content of a CoNLL file from its text. source: names the file in errors.

    The first column holds the tokens and the last one the tags, with two exceptions. Where the first column counts the tokens,
    the second holds the tokens, and of ten columns (CoNLL-U) the fourth, the universal part of speech, holds the tags. Where
    only the first of two columns holds BIO tags, it is the column of tags. Raises InputError, which names lines.
    """
    lines = [_Line(number, line, []) for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1)]
    separator = _separator([line.text for line in lines if line.text.strip(" \t")])
    lines = [_Line(line.number, line.text, _cells(line.text, separator)) for line in lines]
    comments = _comments(lines, separator)
    lines = [line for line in lines if line.number not in comments]
    rows = [line for line in lines if line.cells and not line.text.startswith(DOCUMENT)]
    width = _width(rows, source)
    columns = _columns(rows, width)
    sentences = [_sentence(block, columns) for block in _blocks(lines)]
    return ConllFile([sentence for sentence in sentences if sentence.tokens], columns, len(comments))


def looks_like_conll(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file are tokens with tags: all have the same number of columns, no token or tag has a space,
    and blank lines separate sentences.
    """
    rows = [line for line in lines if line.strip(" \t")]
    separator = _separator(rows)
    cells = [_cells(line, separator) for line in rows if not line.startswith(("#", DOCUMENT))]
    blank = any(not line.strip(" \t") for line in lines[:-1])
    if not blank or not cells or not 2 <= len(cells[0]) <= MOST_COLUMNS:
        return False
    return all(len(row) == len(cells[0]) and " " not in row[0] + row[-1] for row in cells)


def _separator(lines: Sequence[str]) -> re.Pattern[str]:
    """Tabs where most rows have one, because tokens may then hold spaces; otherwise any run of spaces and tabs."""
    rows = [line for line in lines if not line.startswith(("#", DOCUMENT))]
    return _TAB if sum("\t" in row for row in rows) * 2 > len(rows) else _SPACES


def _cells(line: str, separator: re.Pattern[str]) -> list[str]:
    if not line.strip(" \t"):
        return []
    return separator.split(line.strip(" \t") if separator is _SPACES else line.rstrip(" \t"))


def _comments(lines: Sequence[_Line], separator: re.Pattern[str]) -> set[int]:
    """The numbers of lines that begin with # and look unlike rows; a row may begin with a token such as #hashtag."""
    rows = [line.cells for line in lines if line.cells and not line.text.startswith(("#", DOCUMENT))]
    shapes = {(len(cells), cells[-1]) for cells in rows}
    marked = [line for line in lines if line.text.startswith("#")]
    widths = {width for width, _ in shapes}
    by_tag = separator is _SPACES  # "# a comment" has as many columns as a row by chance
    return {
        line.number
        for line in marked
        if len(line.cells) not in widths or (by_tag and (len(line.cells), line.cells[-1]) not in shapes)
    }


def _width(rows: Sequence[_Line], source: str) -> int:
    """The number of columns. Raises InputError naming the rows that have another number."""
    if not rows:
        raise InputError(f"{source} holds no tokens")
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    if not 2 <= width <= MOST_COLUMNS:
        raise InputError(
            f"{source}, line {rows[0].number}: a line of a CoNLL file has 2 to {MOST_COLUMNS} columns, the token first and its "
            f"tag last, apart by tabs or spaces; these have {width}"
        )
    raise_some(
        [
            f"{source}, line {row.number}: {len(row.cells)} columns, the others have {width}; write a tag for every token"
            for row in rows
            if len(row.cells) != width
        ]
    )
    return width


def _columns(rows: Sequence[_Line], width: int) -> Columns:
    """Which columns hold tokens and tags, of `width` columns."""
    firsts = [row.cells[0] for row in rows]
    counted = all(re.fullmatch(r"\d+(?:[-.]\d+)?", first) for first in firsts) and re.match(r"[01](?!\d)", firsts[0])
    if width > 2 and counted:
        if width == CONLLU:
            return Columns(1, 3, "CoNLL-U: tokens are in column 2, universal parts of speech in column 4", True)
        return Columns(1, width - 1, f"column 1 counts the tokens: they are in column 2, tags in column {width}", True)
    if width == 2 and all(map(_TAG.fullmatch, firsts)) and not all(_TAG.fullmatch(row.cells[1]) for row in rows):
        return Columns(1, 0, "column 1 holds tags such as B-LABEL, column 2 does not: it holds the tokens")
    return Columns(0, width - 1, f"tokens are in column 1, tags in column {width}")


def _blocks(lines: Sequence[_Line]) -> list[list[_Line]]:
    """The rows of each sentence, which blank lines and starts of documents separate."""
    blocks: list[list[_Line]] = [[]]
    for line in lines:
        if line.cells and not line.text.startswith(DOCUMENT):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return blocks if blocks[-1] else blocks[:-1]


def _sentence(block: Sequence[_Line], columns: Columns) -> Sentence:
    """The sentence of a block, without lines of CoNLL-U that are no token: 1-2 joins two tokens, 1.1 is an empty node."""
    rows = [line for line in block if not columns.numbered or line.cells[0].isdigit()]
    tokens = [row.cells[columns.token] for row in rows]
    return Sentence(tokens, [row.cells[columns.tag] for row in rows], block[0].number)
