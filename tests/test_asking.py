"""What `Model.predict` takes from Python: a list, a table, a column; one request alone is an error that says what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import framework
from framework.runtime.model import Model

pd = pytest.importorskip("pandas")
TEXTS = ["the lovely bag", "", "the awful door"]


@pytest.fixture(scope="module")
def model(run_folder: Path) -> Model:
    return framework.load(run_folder)


def generated() -> Iterator[str]:
    yield from TEXTS


TAKEN: dict[str, Callable[[], Any]] = {
    "a list": lambda: TEXTS,
    "a generator": generated,
    "mappings": lambda: [{"text": text} for text in TEXTS],
    "an array": lambda: np.array(TEXTS),
    "an array of objects": lambda: np.array(TEXTS, dtype=object),
    "a series": lambda: pd.Series(TEXTS),
    "a series with a gap": lambda: pd.Series([TEXTS[0], None, TEXTS[2]]),
    "a data frame": lambda: pd.DataFrame({"id": [1, 2, 3], "Text": TEXTS}),
    "a data frame with gaps": lambda: pd.DataFrame(
        {"text": [TEXTS[0], float("nan"), TEXTS[2]], "id": [1, 2, 3]}, index=[5, 5, 7]
    ),
    "pandas' own missing value": lambda: pd.DataFrame({"text": pd.array([TEXTS[0], pd.NA, TEXTS[2]], dtype="string")}),
    "an Arrow table": lambda: pa.table({"n": [1, 2, 3], "text": [TEXTS[0], None, TEXTS[2]]}),
    "an Arrow column": lambda: pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_an_answer_for_each_request(model: Model, kind: str) -> None:
    assert model.predict(TAKEN[kind]()) == model.predict(TEXTS)


def test_numbers_of_a_table_are_read_as_in_a_file(model: Model) -> None:
    assert model.predict(pd.DataFrame({"text": [5]})) == model.predict(["5"])
    assert model.predict(pd.DataFrame({"text": []})) == []


REFUSED: dict[str, tuple[Any, str]] = {
    "a text": ("what a day", r"requests come in a list, also one alone: predict\(\['what a day'\]\)"),
    "a long text": ("what a day " * 50, r"predict\(\[request\]\)"),
    "a request": ({"text": "fine"}, r"predict\(\[\{'text': 'fine'\}\]\)"),
    "bytes": (b"fine", r"no bytes: predict\(\[content.decode\(\)\]\)"),
    "a number": (5, r"not as int: predict\(\[request, ...\]\)"),
    "nothing": (None, "not as NoneType"),
    "bytes in a list": ([b"fine"], "request 1: a request is a text or .*, not bytes"),
    "numbers": (np.array([1, 2]), "request 1: a request is a text or .*, not int"),
    "another table": (pd.DataFrame({"a": ["x"], "b": [1]}), "no text column; it may be called text"),
    "a name twice": (pd.DataFrame([["x", "y"]], columns=["text", "text"]), "two columns of the table have one name"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_list_of_requests_is_refused_at_once(model: Model, kind: str) -> None:
    given, message = REFUSED[kind]
    with pytest.raises(framework.InputError, match=message):
        model.predict(given)


def test_a_wrong_argument_is_refused_before_the_first_answer_is_asked_for(model: Model) -> None:
    with pytest.raises(framework.InputError, match="also one alone"):
        model.stream("fine")
