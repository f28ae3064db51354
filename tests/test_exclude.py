"""`data.exclude=` leaves named training rows out, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.contracts.data.table import Splits
from framework.data.loading import load_splits
from framework.errors import InputError
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from tests.tiny import recommends, rows, write_csv

PAIRS = rows(120)


def load(*overrides: str) -> Splits:
    config = compose_recipe("sentiment", list(overrides))
    return load_splits(config.data, load_plugins().task("classification"), config.seed)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "reviews.csv", PAIRS)


def exclude(folder: Path, text: str, name: str = "wrong.csv", encoding: str = "utf-8") -> str:
    (folder / name).write_text(text, encoding=encoding)
    return f"data.exclude={folder / name}"


@pytest.mark.parametrize(
    "form",
    [
        "file,line\n{file},{0}\n{file},{1}\n",
        'line;text;file\n{0};"a\nb";reviews.csv\n{1};é;reviews.csv\n',
        "{file}:{0}\n\nreviews.csv:{1}\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_named_training_rows_are_left_out_and_held_out_rows_stay_as_they_are(
    tmp_path: Path, file: Path, form: str, encoding: str
) -> None:
    whole = load(f"data.train={file}")
    lines = whole.train.lines[3], whole.train.lines[7]
    splits = load(f"data.train={file}", exclude(tmp_path, form.format(*lines, file=file), encoding=encoding))
    assert list(splits.train.lines) == [line for line in whole.train.lines if line not in lines]
    assert (splits.validation.lines, splits.test.lines) == (whole.validation.lines, whole.test.lines)
    assert f"2 rows of reviews.csv are left out of training: data.exclude={tmp_path}/wrong.csv" in splits.notes
    assert splits.about["rows"] == {"train": len(whole.train) - 2, "validation": 12, "test": 12}


def test_a_list_without_rows_leaves_nothing_out(tmp_path: Path, file: Path) -> None:
    splits = load(f"data.train={file}", exclude(tmp_path, "file,line,text\n"))
    assert splits.about["sha256"] == load(f"data.train={file}").about["sha256"]
    assert any(note.startswith("0 rows of reviews.csv are left out of training") for note in splits.notes)


def test_rows_of_several_files_are_told_apart(tmp_path: Path) -> None:
    for name, part in (("a", PAIRS[:60]), ("b", PAIRS[60:])):
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "rows.csv", part)
    train = f"data.train=[{tmp_path}/a/rows.csv,{tmp_path}/b/rows.csv]"
    whole = load(train)
    row = next(i for i in range(len(whole.train)) if whole.train.file_of[i] == 1)
    splits = load(train, exclude(tmp_path, f"{tmp_path}/b/rows.csv:{whole.train.lines[row]}"))
    assert list(splits.train.texts("text")) == [t for i, t in enumerate(whole.train.texts("text")) if i != row]
    with pytest.raises(InputError, match=r"several files are called rows\.csv; write the path, .*a/rows\.csv.*b/rows\.csv"):
        load(train, exclude(tmp_path, "rows.csv:3"))


def test_rows_that_are_held_out_or_gone_already_are_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "reviews.csv", [*PAIRS, PAIRS[0]])
    whole = load(f"data.train={path}")
    lines = [whole.test.lines[0], whole.validation.lines[0], len(PAIRS) + 2]
    splits = load(f"data.train={path}", exclude(tmp_path, "".join(f"{path}:{line}\n" for line in lines)))
    assert splits.about["sha256"] == whole.about["sha256"]
    place = f"{path}, line {whole.validation.lines[0]} for example"
    named = f"rows that data.exclude={tmp_path}/wrong.csv names"
    assert f"2 {named} are held out for validation or test, {place}: they stay there" in splits.notes
    assert f"1 {named} were no training rows, such as repeats of another" in splits.notes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"data\.exclude=.*wrong\.csv is empty; write FILE:LINE"),
        ("text,label\nlovely,positive\n", r"line 1: 'text,label' is no line of ''; write FILE:LINE, such as reviews\.csv:12"),
        ("file,line\nreviews.csv,3\nreviews.csv,three\n", r"wrong\.csv, line 3: 'three' is no line of 'reviews\.csv'"),
        ("reviews.csv:0\n", r"line 1: '0' is no line of 'reviews\.csv'"),
        ("reviews.csv:900\n", r"wrong\.csv, line 1: no row of .*reviews\.csv begins in line 900"),
        ("review.csv:3\n", r"line 1: 'review\.csv' is no training file; .*reviews\.csv"),
        ("".join(f"reviews.csv:{line}\n" for line in range(2, 122)), "names every training row; nothing is left"),
    ],
)  # fmt: skip
def test_files_that_name_no_rows_of_training_are_refused(tmp_path: Path, file: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load(f"data.train={file}", exclude(tmp_path, text))


def test_missing_files_are_refused_when_the_recipe_is_composed(tmp_path: Path, file: Path) -> None:
    from framework.recipe.validation import check_recipe

    for name, problem in (("none.csv", "data.exclude: no file"), ("", "data.exclude: .*folder")):
        with pytest.raises(InputError, match=problem):
            check_recipe(compose_recipe("sentiment", [f"data.train={file}", f"data.exclude={tmp_path}/{name}"]))


def test_every_unknown_row_is_named_up_to_ten(tmp_path: Path, file: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(f"data.train={file}", exclude(tmp_path, "".join(f"reviews.csv:{line}\n" for line in range(500, 515))))
    assert len([problem for problem in caught.value.problems if "begins in line" in problem]) == 10
    assert "and 5 more rows" in caught.value.problems


def test_rows_of_a_held_out_file_cannot_be_left_out(tmp_path: Path, file: Path) -> None:
    (tmp_path / "held").mkdir()
    test = write_csv(tmp_path / "held" / "reviews.csv", rows(30, seed=5))
    with pytest.raises(InputError, match=r"held/reviews\.csv is the test file, of which no row is left out"):
        load(f"data.train={file}", f"data.test={test}", exclude(tmp_path, f"{test}:3"))


def test_rows_that_share_a_line_cannot_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"text": text, "label": label} for text, label in PAIRS]))
    with pytest.raises(InputError, match=r"120 rows begin in line 1 of .*rows\.json, which cannot be told apart"):
        load(f"data.train={path}", exclude(tmp_path, "rows.json:1"))


def test_tasks_that_split_their_rows_themselves_refuse_it(tmp_path: Path) -> None:
    overrides = [*recommends(tmp_path), exclude(tmp_path, "a.csv:3")]
    config = compose_recipe("recommendation", overrides)
    with pytest.raises(InputError, match=r"data\.exclude is not for recommendation"):
        load_splits(config.data, load_plugins().task("recommendation"), config.seed)
