"""The shared small files about labels, duplicates, columns and groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framework import Answers
from framework.contracts.data.table import Splits
from framework.data.loading import load_splits, read_labelled
from framework.errors import InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from framework_classification import Classification
from framework_classification.codec import answer
from framework_classification.evaluation import evaluate
from framework_classification.linear_codec import ConstantCodec

CASES = Path(__file__).parents[1] / "../shared/cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the small files in ../shared/cases")


def load(file: str, *settings: str) -> Splits:
    config = compose_recipe("sentiment", [f"data.train={CASES / file}", *settings])
    return load_splits(config.data, load_plugins().task("classification"), config.seed)


@pytest.mark.parametrize(
    ("file", "settings", "rows", "said"),
    [
        ("urls.csv", [], 600, ""),
        ("letter_case.csv", [], 300, "300 rows of letter_case.csv are 150 texts whose label differs"),
        ("labels_int.csv", [f"data.test={CASES / 'labels_float.csv'}"], 240, "'0.0' as '0'"),
        ("label_lists.jsonl", [], 200, "a list of one label"),
        ("several_labels.csv", ["data.label_combinations=keep"], 400, ""),
        ("groups.csv", [], 320, "the column 'customer_id' of groups.csv decides the label"),
        ("groups.csv", ["data.group=customer_id"], 320, "each of the 40 values of 'customer_id' stay in one split"),
        ("title_and_body.csv", [], 300, "data.text=[title,body] reads them together"),
        ("title_and_body.csv", ["data.text=[title,body]"], 300, ""),
    ],
)
def test_case(file: str, settings: list[str], rows: int, said: str) -> None:
    splits = load(file, *settings)
    assert sum(splits.rows().values()) == rows
    assert said in "\n".join(splits.notes)


def test_rows_with_several_labels_are_refused() -> None:
    with pytest.raises(InputError, match="145 of 400 rows have several labels"):
        load("several_labels.csv")


def test_evaluate_reads_the_spellings_of_the_training() -> None:
    classes = ["negative", "neutral", "positive"]
    file = str(CASES / "evaluate_spellings.csv")
    table, _ = read_labelled(file, load_plugins().task("classification"), None, {}, {}, classes=classes)
    assert sorted(set(table.texts("label"))) == classes
    assert len(table) == 60


def test_numbers_name_the_classes_without_test_rows() -> None:
    splits = load("class_without_test_rows.csv")
    data = load_plugins().task("classification").prepare(splits, Classification())
    codec = ConstantCodec({"labels": data.labels, "shares": [1.0] * len(data.labels)}, Path())
    shares = np.array([label == "ok" for label in data.labels], float)
    evaluation = evaluate(Answers(codec, [answer(data.labels, shares)] * len(splits.test)), splits.test)
    assert set(evaluation.untested) == {"fraud", "odd"} - set(splits.test.texts("label"))
    assert evaluation.untested
