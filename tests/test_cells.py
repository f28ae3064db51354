"""Columns of several things a cell: read once by their kind, errors by file and line, equal rows with equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework import Column, InputError, Table, parse_cell
from framework.contracts.data.cells import Kind, texts_of
from framework.data.columns import list_headers
from framework.data.formats.reading import read_table
from framework.data.loading import read_labelled
from framework.data.sources import File
from framework.data.typed import typed
from framework.plugins import load_plugins
from framework.report.privacy import mask, mask_cell
from framework_dialogue import Dialogue
from framework_dialogue.task import DialogueTask
from framework_recommendation.requests import parse_request

READ: dict[str, tuple[Kind, str, Any]] = {
    "a text": ("text", ' ["a"] ', ' ["a"] '),
    "a number": ("number", "007", "007"),
    "texts": ("texts", '["EU", "rejects"]', ["EU", "rejects"]),
    "texts as Python prints them": ("texts", """['EU', "'s", 'a"b']""", ["EU", "'s", 'a"b']),
    "texts as numpy prints them": ("texts", "['EU' 'rejects'\n 'it']", ["EU", "rejects", "it"]),
    "ids": ("ids", '[50, "181"]', ["50", "181"]),
    "ids between spaces": ("ids", "50 181", ["50", "181"]),
    "one label": ("labels", " billing ", ["billing"]),
    "labels": ("labels", '["billing", "refund", "billing"]', ["billing", "refund"]),
    "spans": ("spans", '[{"start": "0", "end": 2, "label": "org"}]', [{"start": 0, "end": 2, "label": "org"}]),
    "messages": ("messages", '[{"role": "user", "content": "hi"}]', [{"role": "user", "content": "hi"}]),
    "messages as Python prints them": ("messages", "[{'from': 'human', 'value': 'hi'}]", [{"from": "human", "value": "hi"}]),
    "a transcript": ("messages", "Customer: hi\nAgent: hello", "Customer: hi\nAgent: hello"),
    "nothing": ("texts", " ", None),
    "no messages": ("messages", "", None),
}


@pytest.mark.parametrize("case", READ)
def test_a_text_is_read_by_the_kind_of_its_column(case: str) -> None:
    kind, text, cell = READ[case]
    assert parse_cell(kind, text) == cell


WRONG: dict[str, tuple[Kind, str, str]] = {
    "no list": ("texts", "EU rejects", r'not JSON: .* expected is a list of texts, \["EU", "rejects"\]'),
    "an object": ("texts", '{"a": 1}', r'\{"a": 1\} is not expected there, but a list of texts'),
    "numbers": ("texts", "[1, 2]", r"\[1, 2\] is not expected there, but a list of texts"),
    "cut off": ("ids", '["50", "18', r"not JSON: .* expected is a list of ids"),
    "no ids": ("ids", "[true]", "true is not expected there, but a list of ids"),
    "no label": ("spans", '[{"start": 0, "end": 1}]', r"\{.*\} is not expected there, but a list of spans"),
    "backwards": ("spans", '[{"start": 3, "end": 1, "label": "x"}]', "a span goes from 3 to 1"),
    "broken messages": ("messages", '[{"role": "user"', r"not JSON: .*; a dialogue is \[\{"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_of_the_kind_is_an_error_with_file_and_line(case: str, tmp_path: Path) -> None:
    kind, text, message = WRONG[case]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"x": one}) + "\n" for one in ("", text, text)), "utf-8")
    table = read_table([File(path)]).table
    with pytest.raises(InputError, match=rf"a\.jsonl, line 2, x: {message}") as error:
        typed(table, Column("x", ("x",), kind), table.texts("x"))
    assert error.value.problems[0].endswith("(so do 1 more rows)")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_column_holds_the_same_cells_whatever_the_format(ending: str, tmp_path: Path) -> None:
    path, ids = tmp_path / f"a.{ending}", [[50, 181], [7], []]
    if ending == "parquet":
        pq.write_table(pa.table({"items": ids, "vector": [[1], [2], [3]]}), path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps({"items": row}) + "\n" for row in ids), "utf-8")
    else:
        path.write_text("items,n\n" + "".join(f'"{row}",1\n' for row in ids), "utf-8")
    column = Column("history", ("items",), "ids")
    read = read_table([File(path)], lists=list_headers([column], {}))
    assert typed(read.table, column, read.table.texts("items")) == [["50", "181"], ["7"], []]
    said: list[str] = []
    read.say_lists(said.append, but=["items"])
    assert (said, "vector" in read.table.columns) == ([], False)
    read.say_lists(said.append)
    assert len(said) == (ending != "csv")


CLASSES = {"_type": "ClassLabel", "names": ["O", "PER"]}


@pytest.mark.parametrize("feature", [{"_type": "Sequence", "feature": CLASSES}, [CLASSES]], ids=["sequence", "list"])
def test_numbers_of_classes_in_lists_of_parquet_are_their_names(tmp_path: Path, feature: object) -> None:
    metadata = {b"huggingface": json.dumps({"info": {"features": {"tags": feature}}}).encode()}
    pq.write_table(pa.table({"tags": [[0, 1], None]}).replace_schema_metadata(metadata), tmp_path / "a.parquet")
    column = Column("tags", ("tags",), "labels")
    table = read_table([File(tmp_path / "a.parquet")], lists=list_headers([column], {})).table
    assert table.texts("tags") == ['["O", "PER"]', ""]


def test_lists_that_a_role_reads_as_they_are_need_no_note(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    path = tmp_path / "a.jsonl"
    row = {"messages": said, "system": ["Be", "kind"], "tags": ["a"]}
    path.write_text(f"{json.dumps(row)}\n{json.dumps({**row, 'n': 1})}\n", "utf-8")
    table, notes = read_labelled(str(path), DialogueTask(), None, {}, {}, Dialogue())
    assert table.records("messages") == [[{"role": "system", "content": '["Be", "kind"]'}, said[0]]] * 2
    assert [note for note in notes if "lists" in note] == [
        "2 values of 'system', 'tags' in a.jsonl are lists and were read as JSON text"
    ]


def digest(*cells: Any) -> str:
    return Table({"x": cells}, range(len(cells))).digest()


def test_equal_cells_have_equal_digests() -> None:
    assert digest([{"start": 0, "end": 1.0}]) == digest(({"end": 1, "start": 0},))
    different: Sequence[Any] = ([], None, "", "[]", ["a"], '["a"]', ["a", ""], [["a"]], {"a": 1}, 1.5, "1.5", "null")
    assert len({digest(cell) for cell in different}) == len(different)
    written = b"".join(len(text.encode()).to_bytes(8, "little") + text.encode() for text in ("x", "ab", "ä"))
    assert digest("ab", "ä") == hashlib.sha256(written).hexdigest()  # as artifacts have it that were sealed before


def test_rows_are_taken_with_their_cells() -> None:
    table = Table({"x": [["a"], None, ["b", "c"]]}, [1, 2, 3])
    assert table.take([2, 0]).lists("x") == [["b", "c"], ["a"]]
    assert table.sample(2, seed=0).digest() == table.sample(2, seed=0).digest()


def test_cells_are_compared_by_what_was_written() -> None:
    said = [{"role": r, "content": c} for r, c in (("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"))]
    compared = texts_of("messages")
    assert compared is not None
    assert compared(said) == ("a\nb\nc", "a\nc")
    words = texts_of("texts")
    assert words is not None
    assert words(["EU", "rejects"]) == ("EU rejects",)
    assert texts_of("text") is None


def test_personal_data_is_masked_within_cells() -> None:
    said = [{"role": "user", "content": "I am ann@example.com", "weight": 0}]
    assert mask_cell(said) == [{"role": "user", "content": mask("I am ann@example.com"), "weight": 0}]
    assert mask_cell(["call 415-555-2671", None, 3]) == ["call [phone]", None, 3]


def test_requests_carry_cells_and_codecs_take_them_as_texts_too() -> None:
    table = Table({"user": ["u"], "history": [["50", "181"]], "k": [10], "relevant": [["7"]]}, [1])
    task = load_plugins().task("recommendation")
    assert task.requests(table) == [{"user": "u", "history": ["50", "181"], "k": 10}]
    assert task.targets(table) == [{"relevant": ["7"]}]
    as_list, as_text = (parse_request({"history": history, "k": k}, 5, [], []) for history, k in ((["50"], 3), ('["50"]', "3")))
    assert as_list == as_text
