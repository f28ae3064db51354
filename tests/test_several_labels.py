"""Rows with several labels in each form that files have them, as a task reads them whose column is of kind "labels"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from framework.__main__ import main
from framework.contracts.data.table import Splits
from framework.data.loading import load_splits, read_labelled
from framework.data.splitting.iterative import groups_to_hold_out
from framework.errors import InputError
from framework.plugins import load_plugins
from framework.recipe.automatic import resolved
from framework.recipe.compose import compose_recipe
from tests.tiny import WORDS, labelled_rows, rows, write_csv

TASK = load_plugins().task("multilabel")
PAIRS = labelled_rows()
EXPECTED = {text: sorted(labels) for text, labels in PAIRS}
SOME = {text: labels for text, labels in EXPECTED.items() if labels}


def load(path: Path, *overrides: str) -> Splits:
    config = compose_recipe("labels", [f"data.train={path}", *overrides])
    return load_splits(config.data, TASK, config.seed)


def read(path: Path, *overrides: str) -> dict[str, Sequence[str]]:
    tables = load(path, *overrides).named().values()
    return {text: labels for table in tables for text, labels in zip(table.texts("text"), table.lists("label"), strict=True)}


def parted(folder: Path, separator: str = "|", header: str = "labels") -> Path:
    return write_csv(folder / "a.csv", [(text, separator.join(labels)) for text, labels in PAIRS], ("text", header))


def marked(folder: Path) -> Path:
    names = sorted(WORDS)
    lines = [(text, *(str(int(name in labels)) for name in names)) for text, labels in PAIRS]
    return write_csv(folder / "a.csv", lines, ("text", *names))


def listed(folder: Path) -> Path:
    path = folder / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "tags": labels}) for text, labels in PAIRS), "utf-8")
    return path


@pytest.mark.parametrize("separator", ["|", "; ", ",", "、"])
def test_labels_with_a_separator_are_lists_and_a_blank_cell_has_none_that_is_known(tmp_path: Path, separator: str) -> None:
    assert read(parted(tmp_path, separator)) == SOME
    splits = load(parted(tmp_path, separator))
    assert f"{len(EXPECTED) - len(SOME)} rows of a.csv without text or label left out" in splits.notes
    assert f"the labels of a row of a.csv stand between {separator.strip()!r}" in splits.notes
    assert splits.about["classes"] == sorted(WORDS)


def test_lists_and_columns_of_0_and_1_are_lists_and_may_be_empty(tmp_path: Path) -> None:
    assert read(listed(tmp_path)) == EXPECTED
    assert read(marked(tmp_path)) == EXPECTED
    assert read(marked(tmp_path), "data.label=[negative,positive]") == {
        text: [label for label in labels if label != "neutral"] for text, labels in EXPECTED.items()
    }
    splits = load(marked(tmp_path))
    none = len(EXPECTED) - len(SOME)
    assert f"{none} of 120 rows of a.csv have no label: such texts are learned as texts with none" in splits.notes
    assert splits.about["columns"] == {"text": "text", "label": sorted(WORDS)}


def test_a_separator_that_is_not_found_is_named(tmp_path: Path) -> None:
    path = parted(tmp_path, "/")
    assert "data.label_separator= says what stands between them" in "\n".join(load(path).notes)
    assert read(path, "data.label_separator=/") == SOME


def test_labels_are_found_by_their_values(tmp_path: Path) -> None:
    splits = load(parted(tmp_path, header="what"))
    assert splits.about["columns"] == {"text": "text", "label": "what"}
    assert "(labels with '|' between them)" in "\n".join(splits.notes)


def test_spellings_count_as_one_label_and_a_label_counts_once(tmp_path: Path) -> None:
    labels = ["Pos|neg", "pos |neg", "neg|pos|pos", "pos", "neg"]
    path = write_csv(tmp_path / "a.csv", [(text, labels[row % 5]) for row, (text, _) in enumerate(rows(120))])
    splits = load(path)
    assert splits.about["classes"] == ["neg", "pos"]
    assert {tuple(cell) for cell in splits.train.lists("label")} == {("neg",), ("pos",), ("neg", "pos")}


def test_duplicates_with_the_same_labels_in_another_order_are_one_row(tmp_path: Path) -> None:
    pairs = [(text, "|".join(labels)) for text, labels in SOME.items()]
    several = [(text, "|".join(reversed(labels))) for text, labels in SOME.items() if len(labels) > 1]
    splits = load(write_csv(tmp_path / "a.csv", [*pairs, *several]))
    assert f"{len(several)} rows of a.csv repeat the text of another" in "\n".join(splits.notes)


def test_a_file_to_judge_by_is_parted_by_the_labels_of_the_model(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "b.csv", [("one text", "Positive;negative"), ("another text", "neutral"), ("third text", "[]")])
    table, _ = read_labelled(str(path), TASK, None, {}, {}, classes=sorted(WORDS))
    assert [list(cell) for cell in table.lists("label")] == [["negative", "positive"], ["neutral"], []]


def test_combinations_that_are_to_be_classes_are_refused_where_labels_are_learned_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"label_combinations=keep makes each combination.*multilabel learns each label"):
        load(parted(tmp_path), "data.label_combinations=keep")


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ([f'["{row}", "x{row}"]' for row in range(120)], "differs in each of its 240 rows"),
        (['["a", ["b"]]'] * 120, "is no list that can be read, but expected is a label, or a list of labels"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, labels: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        load(write_csv(tmp_path / "a.csv", list(zip(EXPECTED, labels, strict=True))))


def test_a_mark_that_is_neither_0_nor_1_is_named_with_its_line(tmp_path: Path) -> None:
    path = marked(tmp_path)
    path.write_text(path.read_text("utf-8") + "the odd one,2,0,0\n", "utf-8")
    with pytest.raises(InputError, match="line 122: 'negative' is one of several columns of labels and holds '2', not 0 or 1"):
        load(path, "data.label=[negative,positive]")


def test_every_split_has_every_label_in_proportion() -> None:
    random = np.random.default_rng(0)
    names = [f"l{label}" for label in range(12)]
    shares = np.geomspace(0.5, 0.01, 12)
    labels = [[name for name, share in zip(names, shares, strict=True) if random.random() < share] for _ in range(2000)]
    chosen = groups_to_hold_out(labels, np.arange(2000), 0.1, seed=0)
    assert len(chosen) == pytest.approx(200, abs=2)
    for name in names:
        total, part = sum(name in row for row in labels), sum(name in labels[row] for row in chosen)
        assert part == pytest.approx(total / 10, abs=1 + total / 200), name


def test_groups_stay_whole_and_every_label_keeps_a_row() -> None:
    labels = [["rare", "usual"] if row == 0 else ["usual"] for row in range(100)]
    groups = np.arange(100) // 2
    chosen = groups_to_hold_out(labels, groups, 0.2, seed=1)
    assert len(chosen) == 10
    assert 0 not in chosen  # the only group with the rare label


@pytest.mark.parametrize("write", [parted, marked, listed])
def test_recipe_auto_learns_labels_apart_where_rows_have_several(tmp_path: Path, write: object) -> None:
    assert callable(write)
    path = write(tmp_path)
    assert resolved(["recipe=auto", f"data.train={path}"])[0] == "recipe=labels"
    if write is not listed:
        kept = resolved(["recipe=auto", f"data.train={path}", "data.label_combinations=keep"])
        assert kept[0] == "recipe=sentiment"


def test_one_label_a_row_stays_classification(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows(60), ("text", "labels"))
    assert resolved(["recipe=auto", f"data.train={path}"])[0] == "recipe=sentiment"


def test_the_refusal_of_several_labels_names_the_recipe_that_learns_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "recipe=sentiment", f"data.train={parted(tmp_path, header='label')}"]) == 2
    assert "one label a row is learned here. recipe=labels learns them" in capsys.readouterr().err
