"""Columns are found by name, else by their values; a choice of the user always wins."""

from __future__ import annotations

import pytest

from framework.contracts.data.columns import Column
from framework.contracts.data.table import Table
from framework.data.columns import assign_roles
from framework.data.splitting.repeats import one_row_each
from framework.errors import InputError

COLUMNS = (Column("text", ("text", "review"), "text"), Column("label", ("label", "sentiment"), "category", target=True))
TEXTS = ["a long sentence about a flight", "another sentence about a phone", "the third is about cars", "and one more"]


def table(**columns: list[str]) -> Table:
    return Table(columns, list(range(2, 6)), "my.csv")


def test_names_are_recognised_in_any_spelling() -> None:
    found = assign_roles(table(**{"Review ": TEXTS, "SENTIMENT": ["a", "b", "a", "b"]}), COLUMNS, {})
    assert {role: name for role, (name, _) in found.items()} == {"text": "Review ", "label": "SENTIMENT"}


def test_unknown_names_are_found_by_their_values_and_the_reason_is_given() -> None:
    data = table(id=["1", "2", "3", "4"], price=["1.5", "2.5", "1.5", "2.5"], body=TEXTS, stars=["1", "5", "1", "5"])
    found = assign_roles(data, COLUMNS, {})
    assert found["text"] == ("body", "longest texts, 24 characters on average")
    assert found["label"] == ("stars", "2 distinct values in 4 rows")


def test_a_choice_wins_over_a_recognised_name() -> None:
    data = table(text=TEXTS, other=TEXTS, label=["a", "b", "a", "b"])
    assert assign_roles(data, COLUMNS, {"text": "other"})["text"] == ("other", "as given")


def test_a_chosen_column_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"data.text=txt: my.csv has no such column; did you mean text\?"):
        assign_roles(table(text=TEXTS, label=["a", "b", "a", "b"]), COLUMNS, {"text": "txt"})


@pytest.mark.parametrize("values", [["1", "2", "3", "4"], ["x", "x", "x", "x"], ["0.5", "1.5", "0.5", "2.5"]])
def test_ids_constants_and_measurements_are_no_labels(values: list[str]) -> None:
    with pytest.raises(InputError, match=r"no usable label column among 'text', 'other'; name it with data.label=COLUMN"):
        assign_roles(table(text=TEXTS, other=values), COLUMNS, {})


@pytest.mark.parametrize("quantity", [["3", "-1", "3", "-1"], ["a", "b", "a", "b"]])
def test_what_names_something_is_never_guessed_by_its_values(quantity: list[str]) -> None:
    """The column of fewest values, or of signed numbers, is as good a guess as any."""
    columns = (Column("user", ("user",), "id"), Column("item", ("item",), "id"))
    data = table(user=["1", "2", "3", "4"], quantity=quantity, code=["x", "y", "z", "x"])
    with pytest.raises(InputError, match=r"no usable item column among 'user', 'quantity', 'code'; name it with data.item="):
        assign_roles(data, columns, {})
    assert assign_roles(data, columns, {"item": "code"})["item"] == ("code", "as given")


def test_of_rows_about_the_same_thing_the_last_counts_and_the_others_are_counted() -> None:
    data = table(item_id=["a", "b", "a", "b"], title=["A", "B", "A", "B again"])
    said: list[str] = []
    kept = one_row_each(data, "item_id", said.append)
    assert {name: list(values) for name, values in kept.columns.items()} == {"item_id": ["a", "b"], "title": ["A", "B again"]}
    assert said == [
        "2 of 4 rows of my.csv repeat the item_id of a later row (my.csv, line 2, for example), 1 of them with other values; "
        "the last row of each counts"
    ]
    assert one_row_each(kept, "item_id", said.append) is kept
