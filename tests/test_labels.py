"""Labels as files have them: spellings of one class, several of a row, quantities; and texts in several columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.contracts.data.table import Splits
from framework.data.joined import Columns, request_of
from framework.data.labels.combinations import separator_of
from framework.data.loading import load_splits, read_labelled
from framework.errors import InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from tests.tiny import rows, write_csv

CLASSIFICATION = load_plugins().task("classification")
TEXTS = [text for text, _ in rows(120)]


def load(path: Path, *overrides: str) -> Splits:
    config = compose_recipe("sentiment", [f"data.train={path}", *overrides])
    return load_splits(config.data, CLASSIFICATION, config.seed)


def labelled(folder: Path, labels: list[str]) -> Path:
    """A file in which the labels take turns."""
    return write_csv(folder / "a.csv", [(text, labels[row % len(labels)]) for row, text in enumerate(TEXTS)])


def classes(splits: Splits) -> object:
    return splits.about["classes"]


def test_whole_numbers_with_and_without_a_point_are_one_class(tmp_path: Path) -> None:
    plain, points = tmp_path / "a.csv", tmp_path / "b.csv"
    write_csv(points, [(f"{text} again and again", ("0.0", "1.0", "1.50")[row % 3]) for row, text in enumerate(TEXTS[:60])])
    write_csv(plain, [(text, ("0", "1", "007", "1.50")[row % 4]) for row, text in enumerate(TEXTS)])
    both = load(plain, f"data.test={points}")
    assert classes(both) == ["0", "007", "1", "1.50"]
    assert set(both.test.texts("label")) == {"0", "1", "1.50"}
    assert "'0.0' as '0'" in "\n".join(both.notes)
    assert classes(load(points)) == ["0.0", "1.0", "1.50"]  # as written, where nothing else is
    apart = load(plain, f"data.test={points}", "data.merge_spellings=false")
    assert "1.0" in set(apart.test.texts("label"))


@pytest.mark.parametrize(
    ("one", "name"), [('["{}"]', "JSON"), ("['{}']", "Python"), ("('{}',)", "a tuple"), ("['{}' ]", "numpy")]
)
def test_a_list_of_one_label_is_that_label(tmp_path: Path, one: str, name: str) -> None:
    splits = load(labelled(tmp_path, [one.format("pos"), one.format("neg"), "[other]"]))
    assert classes(splits) == ["[other]", "neg", "pos"], name
    assert "80 rows of a.csv have a list of one label, which was taken as that label" in splits.notes


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["pos", "neg", "pos|neg"], "2 labels such as 'pos', 'neg'"),
        (["a; b", "b; c", "a; c"], "3 combinations of 3 labels"),
        (["pos", "neg,pos", "neg"], "40 of 120 rows have several labels"),
        (['["pos"]', '["pos", "neg"]'], "60 of 120 rows have several labels"),
        (["['pos' 'neg']", "['pos']"], "2 labels such as 'pos', 'neg'"),
    ],
)
def test_rows_with_several_labels_are_refused_unless_combinations_are_classes(
    tmp_path: Path, labels: list[str], said: str
) -> None:
    path = labelled(tmp_path, labels)
    with pytest.raises(InputError, match="several labels") as error:
        load(path)
    assert said in str(error.value)
    assert "data.label_combinations=keep" in str(error.value)
    kept = classes(load(path, "data.label_combinations=keep"))
    assert isinstance(kept, list)
    assert len(kept) == len(labels)


def test_a_combination_in_another_order_is_the_same_class(tmp_path: Path) -> None:
    splits = load(labelled(tmp_path, ["pos|neg", "neg|pos", "pos", "neg"]), "data.label_combinations=keep")
    assert classes(splits) == ["neg", "pos", "pos|neg"]


@pytest.mark.parametrize(
    "values",
    [
        ["Sales, EMEA", "Sales, US", "Support, EMEA", "Support, US", "HR"],
        ["Sales, EMEA", "Marketing", "HR"],
        ["Electronics|Phones", "Electronics|Laptops", "Electronics", "Garden"],
        ["Portland, OR", "Portland, ME", "Salem, OR", "Austin, TX"],
        ["yes", "no"],
    ],
)
def test_names_with_a_separator_in_them_are_no_combinations(values: list[str]) -> None:
    assert separator_of(values) is None


def test_columns_of_0_and_1_are_recognised(tmp_path: Path) -> None:
    marks = [("1", "0", "0"), ("0", "1", "0"), ("1", "1", "0"), ("0", "0", "0")]
    pairs = [(text, *marks[row % 4]) for row, text in enumerate(TEXTS)]
    path = write_csv(tmp_path / "a.csv", pairs, ("text", "toxic", "insult", "threat"))
    with pytest.raises(InputError, match=r"3 columns hold 0 and 1 alone.*30 of 120 rows have several and 30 none"):
        load(path)
    with pytest.raises(InputError, match=r"30 of 120 rows have several labels in the columns 'toxic', 'insult'"):
        load(path, "data.label=[toxic,insult]")
    combined = load(path, "data.label_combinations=keep")
    assert classes(combined) == ["insult", "none", "toxic", "toxic|insult"]
    assert combined.about["columns"] == {"text": "text", "label": ["toxic", "insult", "threat"]}
    assert classes(load(path, "data.label=toxic")) == ["0", "1"]


def test_of_columns_of_which_one_holds_a_1_its_name_is_the_class(tmp_path: Path) -> None:
    pairs = [(text, str(row % 2), str(1 - row % 2)) for row, text in enumerate(TEXTS)]
    path = write_csv(tmp_path / "a.csv", pairs, ("text", "spam", "ham"))
    assert classes(load(path, "data.label=[spam,ham]")) == ["ham", "spam"]
    found = load(path)
    assert classes(found) == ["ham", "spam"]
    assert "label of a.csv is told by the columns of 0 and 1, 'spam', 'ham'" in "\n".join(found.notes)
    write_csv(path, [*pairs, ("the odd one", "2", "0")], ("text", "spam", "ham"))
    with pytest.raises(InputError, match="line 122: 'spam' is one of several columns of labels and holds '2', not 0 or 1"):
        load(path, "data.label=[spam,ham]")


def quantities(folder: Path, values: list[str]) -> Path:
    texts = [text for text, _ in rows(3 * len(values))]
    return write_csv(folder / "a.csv", [(text, values[row % len(values)]) for row, text in enumerate(texts)])


def test_many_numbers_get_a_word_and_dates_are_refused(tmp_path: Path) -> None:
    notes = "\n".join(load(quantities(tmp_path, [str(18 + age) for age in range(89)])).notes)
    assert "holds 89 different numbers such as" in notes
    assert "for a quantity (an age, a price) it is not" in notes
    assert "different numbers" not in "\n".join(load(quantities(tmp_path, ["1", "2", "3", "4", "5"] * 8)).notes)
    with pytest.raises(InputError, match=r"holds 40 different dates such as '2024-01-01'"):
        load(quantities(tmp_path, [f"2024-{1 + day // 28:02}-{1 + day % 28:02}" for day in range(40)]))


def test_a_file_to_judge_by_is_spelled_as_the_training_was(tmp_path: Path) -> None:
    path = labelled(tmp_path, ["Pos ", "neg", "1.0", "neg|pos"])
    known = ["pos", "neg", "1", "pos|neg"]
    table, notes = read_labelled(str(path), CLASSIFICATION, None, {}, {}, classes=known, combines=True)
    assert set(table.texts("label")) == set(known)
    assert "90 rows of a.csv have a label that differs from another only in case, spaces or" in "\n".join(notes)


def test_texts_of_several_columns_are_one_under_the_other(tmp_path: Path) -> None:
    pairs = [(f"about it all {row}", text if row else " ", label) for row, (text, label) in enumerate(rows(120))]
    path = write_csv(tmp_path / "a.csv", pairs, ("title", "body", "topic"))
    splits = load(path, "data.text=[title,body]", "data.label=topic")
    every = [text for table in splits.named().values() for text in table.texts("text")]
    assert sorted(every) == sorted([pairs[0][0], *(f"{title}\n{body}" for title, body, _ in pairs[1:])])
    assert splits.about["columns"] == {"text": ["title", "body"], "label": "topic"}
    with pytest.raises(InputError, match=r"has no column 'bdy'; did you mean body\?"):
        load(path, "data.text=[title,bdy]", "data.label=topic")
    assert "data.text=[title,body] reads them together" in "\n".join(load(path, "data.text=body", "data.label=topic").notes)


def test_texts_of_several_columns_are_read_from_every_format(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"title": "so", "body": text, "label": label}) for text, label in rows(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert load(path, "data.text=[title,body]").train.texts("text")[0].startswith("so\nthe ")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[title,title]", "names a column twice"),
        ("[]", "must be the names of columns"),
    ],
)
def test_what_is_no_list_of_columns_is_refused(value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compose_recipe("sentiment", ["data.train=a.csv", f"data.text={value}"])


def test_a_request_may_have_the_columns_of_the_training_data() -> None:
    columns: dict[str, Columns] = {"text": ["title", "body"], "label": "topic"}
    assert request_of({"title": "a", "body": "b"}, columns) == {"text": "a\nb"}
    assert request_of({"body": "b"}, columns) == {"text": "b"}
    assert request_of({"text": "c", "title": "a"}, columns) == {"text": "c", "title": "a"}
    assert request_of("d", columns) == "d"
    with pytest.raises(InputError, match="'title' must be a text, not int"):
        request_of({"title": 1, "body": "b"}, columns)
