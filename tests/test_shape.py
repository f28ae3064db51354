"""Files of one task may come in several shapes: optional columns, and a hook that makes one form of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from framework.contracts.data.columns import Column
from framework.contracts.data.table import Splits, Table
from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.task import Answers, Task
from framework.data.columns import assign_roles
from framework.data.loading import load_splits, read_labelled
from framework.data.splitting.duplicates import normal_form
from framework.errors import InputError
from framework.recipe.schema import data_schema
from tests.tiny import rows, write_csv


@dataclass
class Options:
    joined_by: str = " | "


def joined(table: Table, options: Options, say: Callable[[str], None]) -> Table:
    """One text of a whole, or of two halves; a row without the second half is an error, a row that says skip is left out."""
    found: list[str] = []
    kept: list[int] = []
    columns = [table.columns.get(role, [""] * len(table)) for role in ("whole", "first", "second")]
    for row, (whole, first, second) in enumerate(zip(*columns, strict=True)):
        if not whole and not second:
            raise InputError(f"{table.where(row)}: no second half")
        if whole != "skip":
            kept.append(row)
            found.append(whole or first + options.joined_by + second)
    if len(kept) < len(table):
        say(f"{len(table) - len(kept)} rows of {table.name} skipped")
    return replace(table.take(kept), columns={"text": found})


class Halves(Task[Options, Any]):
    name = "halves"
    options = Options
    every_column = (
        Column("whole", ("whole",), "text", optional=True),
        Column("first", ("first", "left"), "text", optional=True),
        Column("second", ("second", "right"), "text", optional=True, target=True),
    )
    shaped = (Column("text", (), "text"),)
    metrics = (Metric("none"),)
    competing = ()

    def shape(self, table: Table, options: Options, say: Callable[[str], None]) -> Table:
        return joined(table, options, say)

    def prepare(self, splits: Splits, options: Options) -> Any:
        raise NotImplementedError

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        raise NotImplementedError


HALVES = Halves()


def load(options: Options | None = None, **data: Any) -> Splits:
    return load_splits(OmegaConf.merge(OmegaConf.structured(data_schema(HALVES)), data), HALVES, 1, options)


def halves(count: int, seed: int = 0) -> list[tuple[str, str]]:
    return [(text, f"{label} {i} {text[::-1]}") for i, (text, label) in enumerate(rows(count, seed=seed))]


def test_each_file_comes_in_its_own_shape_and_no_row_in_two_splits(tmp_path: Path) -> None:
    train, test = halves(60), halves(30, seed=1)
    whole = [(f"{first} | {second}",) for first, second in [*test, *train[:5]]]
    path = write_csv(tmp_path / "train.csv", [*train, train[7]], ("Left", "right"))
    splits = load(train=str(path), test=str(write_csv(tmp_path / "test.csv", whole, ("whole",))))
    assert list(splits.test.texts("text")) == [text for (text,) in whole]
    assert HALVES.requests(splits.test)[0] == {"text": whole[0][0]}
    forms = {name: {normal_form(text) for text in table.texts("text")} for name, table in splits.named().items()}
    assert not forms["train"] & (forms["test"] | forms["validation"])
    assert sum(map(len, forms.values())) == 60 + 30
    assert splits.about["columns"] == {"first": "Left", "second": "right", "whole": "whole"}


def test_the_task_s_options_decide_and_what_was_left_out_is_said_with_rows_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("whole,left,right,other\n,a,b,x\nskip,,,\n,,,only other\nfour,,,\n")
    table, notes = read_labelled(str(tmp_path / "a.csv"), HALVES, None, {}, {}, Options(joined_by="+"))
    assert table.columns == {"text": ["a+b", "four"]}
    assert table.where(1) == f"{tmp_path}/a.csv, line 5"
    assert "1 rows of a.csv skipped" in notes
    assert "1 empty rows of a.csv left out" in notes


def test_an_error_of_the_hook_names_the_row_and_which_columns_were_taken(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("a", "b"), ("c", "")], ("left", "right"))
    with pytest.raises(InputError, match=r"a\.csv, line 3: no second half\n(?s:.*)first of a.csv is the column 'left'"):
        load(train=str(path))


def test_files_of_one_split_may_differ_in_shape_but_each_has_one(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", halves(30), ("left", "right"))
    write_csv(tmp_path / "b.csv", [(f"{text} and more",) for text, _ in rows(30, seed=2)], ("whole",))
    assert sum(load(train=f"{tmp_path}/*.csv").rows().values()) == 60
    write_csv(tmp_path / "c.csv", [("a", "b")], ("name", "price"))
    with pytest.raises(InputError, match=r"c\.csv: no column of 'name', 'price' is one of whole \(whole\); first "):
        load(train=f"{tmp_path}/*.csv")


def test_an_optional_column_is_never_guessed() -> None:
    long = ["a long sentence about a flight", "another sentence about a phone"]
    with pytest.raises(InputError, match=r"no column of 'body' is one of whole .* name one with data\.ROLE=COLUMN"):
        assign_roles(Table({"body": long}, [2, 3], "my.csv"), HALVES.every_column, {})
    assert assign_roles(Table({"body": long}, [2, 3], "my.csv"), HALVES.every_column, {"whole": "body"})["whole"][0] == "body"
