"""Files are read as the text that stands in them, and what cannot be read is named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.data.formats.reading import iter_rows, read_table
from framework.data.sources import File
from framework.errors import InputError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_values_stay_as_written(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,text,label\n007,"NA, 1.50",null\n 8 ,"line\nbreak",1e3\n')
    table = read_table([File(path)]).table
    assert table.columns == {"id": ["007", " 8 "], "text": ["NA, 1.50", "line\nbreak"], "label": ["null", "1e3"]}
    assert list(table.lines) == [2, 3]


def test_json_numbers_stay_as_written(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "x", "label": 1.0}\n\n{"text": "y", "label": 007e0}\n'.replace("007e0", "7e0"))
    table = read_table([File(path)]).table
    assert table.columns["label"] == ["1.0", "7e0"]
    assert list(table.lines) == [1, 3]


def test_yaml_values_stay_as_written_and_null_is_empty(tmp_path: Path) -> None:
    """No 7, False, 1.5 or date is made of them; a list of lists under a key is a row each."""
    content = "- {id: 007, a: no, b: 1.50, c: 2024-01-02}\n- id: ~\n  a: 'null'\n  b: null\n  c:\n  d: {e: [0x1f, ~]}\n"
    table = read_table([File(write(tmp_path, "a.yaml", content))]).table
    assert [list(values) for values in table.columns.values()] == [
        ["007", ""], ["no", "null"], ["1.50", ""], ["2024-01-02", ""], ["", '["0x1f", null]']
    ]  # fmt: skip
    assert (list(table.lines), list(table.columns)[-1]) == ([1, 2], "d.e")
    said: list[str] = []
    content = "categories: [x]\nconversations:\n- - Hi: there\n  - no\n- [¿Qué tal?, Bien.]\n"
    table = read_table([File(write(tmp_path, "b.yml", content))], say=said.append).table
    assert table.columns == {"conversations": ['[{"Hi": "there"}, "no"]', '["¿Qué tal?", "Bien."]']}
    assert list(table.lines) == [3, 5]
    assert said == [
        "b.yml: rows were read under 'conversations'; 'categories' left out",
    ]


def test_what_is_true_of_several_files_is_said_once(tmp_path: Path) -> None:
    files = [File(write(tmp_path, f"{n}.jsonl", '{"x": [1], "y": "z"}\n' * n)) for n in (2, 3)]
    files.append(File(write(tmp_path, "c.csv", "# made on Monday\nx,y\n1,2\n")))
    said: list[str] = []
    read = read_table(files, say=said.append)
    read.say_lists(said.append)
    assert sorted(said) == [
        "5 values of 'x' in 2.jsonl and 1 more files are lists and were read as JSON text",
        "c.csv: 1 comment lines (#) above the header were left out",
    ]


def test_an_object_of_one_list_a_line_is_a_row(tmp_path: Path) -> None:
    for count in (1, 2):
        path = write(tmp_path, "a.jsonl", '{"turns": [{"by": "x"}]}\n' * count)
        assert read_table([File(path)]).table.columns == {"turns": ['[{"by": "x"}]'] * count}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_read_off_its_header(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, "a.csv", f'text{delimiter}label\n"a, b; c|d"{delimiter}good\n')
    assert next(iter_rows(path)).values == {"text": "a, b; c|d", "label": "good"}


@pytest.mark.parametrize(("encoding", "detected"), [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("cp1252", "cp1252")])
def test_the_encoding_is_detected(tmp_path: Path, encoding: str, detected: str) -> None:
    path = write(tmp_path, "a.csv", "text,label\ncafé – naïve,x\n".encode(encoding))
    said: list[str] = []
    assert read_table([File(path)], say=said.append).table.columns["text"] == ["café – naïve"]
    assert [note for note in said if detected in note] == said


def test_ragged_rows_are_all_named_by_line_number(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text,label\n"two\nlines",x\nshort\na,b,c\n')
    with pytest.raises(InputError) as error:
        read_table([File(path)])
    assert "line 4: 1 fields where the header has 2" in str(error.value)
    assert "line 5: 3 fields where the header has 2" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "\n\n", "is empty"),
        ("a.csv", "text,label\n", "has no rows"),
        ("a.csv", "text,text\nx,y\n", "names 'text' twice"),
        ("a.csv", 'text,label\n"well, fine",x\n"open,x\n', r"a\.csv, line 3: unexpected end of data; a quote inside"),
        ("a.csv", 'text,label\n"he said "no" to me",x\n', r"a\.csv, line 2: ',' expected after '\"'"),
        ("a.jsonl", "{'text': 1}\n", "line 1: not JSON"),
        ("a.jsonl", "[1]\n", "line 1: each line must be an object"),
        ("a.xlsx", "x", "must end in one of .csv, .tsv"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table([File(write(tmp_path, name, content))])


def test_a_wrong_encoding_names_the_byte_and_the_setting(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"text,label\ncaf\xe9,x\n")
    with pytest.raises(InputError, match=r"is not utf-8: byte 0xe9; give its encoding \(data.encoding="):
        read_table([File(path)], "utf-8")
    with pytest.raises(InputError, match="no encoding 'klingon'"):
        read_table([File(path)], "klingon")
