"""Quotes that are text, quotes that quote, and quotes that swallow rows: nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.contracts.data.format import Quote
from framework.data.formats.reading import iter_rows, read_table
from framework.data.sources import File
from framework.errors import InputError

ROWS = [(f"The room number {number} was fine", ("good", "bad")[number % 2]) for number in range(60)]
AS_TEXT = "its quotes were read as text; data.quote=standard (predict --quote standard) says otherwise"


def table(*more: str, between: str = ",", quoted: bool = False, end: str = "\n") -> str:
    """Sixty rows, then more lines. quoted: the texts hold a delimiter, in quotes."""
    texts = [f'"{text}{between} really"' if quoted else text for text, _ in ROWS]
    lines = [f"{text}{between}{label}" for text, (_, label) in zip(texts, ROWS, strict=True)]
    return end.join([f"text{between}label", *lines, *more, ""])


def read(folder: Path, content: str, name: str = "a.csv", quote: Quote | None = None) -> tuple[list[str], list[str]]:
    """The last column but one of every row, read whole and row by row, and what was said."""
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    said: list[str] = []
    table = read_table([File(path)], say=said.append, quote=quote).table
    texts = list(table.texts(list(table.columns)[max(0, len(table.columns) - 2)]))
    assert [list(row.values.values())[max(0, len(table.columns) - 2)] for row in iter_rows(path, quote=quote)] == texts
    return texts, said


SWALLOWED = [f"a fine room{{0}}{label}" for label in ("good", "bad") * 20]
TEXT = {
    "a stray pair between tabs": ("\t", ['"open{0}good', *SWALLOWED, 'close"{0}bad']),
    "a stray pair of inches": (",", ['" pipe of twelve inches{0}good', *SWALLOWED, 'pipe 12"{0}bad']),
    "a stray pair on two lines": (",", ['"open{0}good', 'close"{0}bad']),
    "a quote that never closes": (";", ['"open{0}good', *SWALLOWED]),
    "a quoted word first": ("\t", ['"Fine" she said{0}good', 'no "quotes" here{0}bad']),
    "quotes around two fields": (",", ['"a{0}good"']),
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("case", TEXT)
def test_quotes_are_text_where_every_line_is_a_row_without_them(tmp_path: Path, case: str, end: str) -> None:
    between, lines = TEXT[case]
    more = [line.format(between) for line in lines]
    texts, said = read(tmp_path, table(*more, between=between, end=end))
    assert texts[60:] == [line.split(between)[0] for line in more]
    assert said == [f"1 lines of a.csv hold quotes that quote nothing: {AS_TEXT}"]


QUOTED = {
    "a line of prose that might be a row": ('"It cost 1,000\nand was bad",good', "It cost 1,000\nand was bad"),
    "prose with spaces": ('"Nice place, friendly\nand clean",good', "Nice place, friendly\nand clean"),
    "an empty line inside": ('"One.\n\nTwo, three.",good', "One.\n\nTwo, three."),
    "a quote inside": ('"He said ""no""\nto me",good', 'He said "no"\nto me'),
}


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("case", QUOTED)
def test_texts_on_several_lines_stay_one(tmp_path: Path, case: str, quoted: bool) -> None:
    line, expected = QUOTED[case]
    assert read(tmp_path, table(line, quoted=quoted))[0][60:] == [expected]
    assert read(tmp_path, table(line, quoted=quoted), quote=Quote.standard)[0][60:] == [expected]


def test_a_long_text_in_the_last_column_stays_one(tmp_path: Path) -> None:
    content = "id,label,text\n" + "".join(f"{i},{label},{text}\n" for i, (text, label) in enumerate(ROWS))
    path = tmp_path / "a.csv"
    path.write_text(content + '60,good,"Nice\nfriendly, clean, good"\n')
    assert [row.values["text"] for row in iter_rows(path)][60:] == ["Nice\nfriendly, clean, good"]


@pytest.mark.parametrize(("lines", "between"), [(41, "\t"), (41, ","), (2, ",")])
def test_rows_within_one_quoted_field_are_named(tmp_path: Path, lines: int, between: str) -> None:
    """In a file whose other quotes quote."""
    more = [f'"open{between}good', *(line.format(between) for line in SWALLOWED[: lines - 2]), f'close"{between}bad']
    plain = [line.format(between) for line in SWALLOWED]
    with pytest.raises(InputError) as error:
        read(tmp_path, table(*plain, *more, between=between, quoted=True))
    assert f"a.csv, lines 102 to {101 + lines}: one quoted field holds these {lines} lines, each of which" in str(error.value)
    assert "data.quote=none (predict --quote none) reads every line as a row" in str(error.value)
    assert len(read(tmp_path, table(*plain, *more, between=between, quoted=True), quote=Quote.standard)[0]) == 101


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_quotes_can_be_said_to_be_text(tmp_path: Path, name: str) -> None:
    between = "\t" if name == "a.tsv" else ","
    texts, said = read(tmp_path, table(f'"fine"{between}good', between=between), name, Quote.none)
    assert (texts[60:], said) == (['"fine"'], [])
    assert read(tmp_path, table(f'"fine"{between}good', between=between), name)[0][60:] == ["fine"]


def test_in_one_column_every_line_is_a_row(tmp_path: Path) -> None:
    assert read(tmp_path, 'text\nfine\n\n   \n""\ntext\n') == (["fine", "", "   ", "", "text"], [])
    assert read(tmp_path, 'text\n"Fine" she said\n12" pipe\n')[0] == ['"Fine" she said', '12" pipe']
    texts, said = read(tmp_path, 'text\n"one\ntwo"\nthree\n')
    assert texts == ["one\ntwo", "three"]
    assert said == ["1 values of a.csv stand on several lines, the longest on lines 2 to 3; "
                    "data.quote=none (predict --quote none) makes a row of each line"]  # fmt: skip


def test_blank_lines_between_several_columns_are_no_rows_and_said(tmp_path: Path) -> None:
    texts, said = read(tmp_path, "text,label\na,x\n\n  \n,y\n\n")
    assert texts == ["a", ""]
    assert said == ["2 blank lines between the rows of a.csv are no rows and were left out"]
