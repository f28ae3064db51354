"""Rows whose label is probably wrong: found, listed, written, and never left out unasked."""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import framework
from framework import Budget, Metric
from framework.__main__ import main
from framework.data.stored import stored_splits
from framework.run.folder import RunFolder
from framework_classification.label_check.confident_learning import confident_learning, suspicious_rows
from framework_classification.label_check.effect import effect_of_leaving_out, score
from framework_classification.label_check.out_of_fold import FixedFeatures, out_of_fold
from framework_classification.label_check.section import FILE, HEADER
from framework_classification.metrics import confusion_matrix, macro_f1
from tests.tiny import LENGTH, WORDS, rows, write_csv

TITLE = "Labels worth a second look"


def wrongly_labelled(path: Path, count: int = 300, every: int = 20) -> tuple[Path, set[int]]:
    """A file of which every so many rows have a wrong label, and the lines of these rows; each text has an address in it."""
    pick = random.Random(1)
    pairs = [[f"{text} joe@example.com", label] for text, label in rows(count)]
    wrong = pick.sample(range(count), count // every)
    for row in wrong:
        pairs[row][1] = pick.choice([label for label in WORDS if label != pairs[row][1]])
    return write_csv(path, pairs), {row + 2 for row in wrong}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[int]]:
    return wrongly_labelled(tmp_path_factory.mktemp("rows") / "reviews.csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, wrong: tuple[Path, set[int]]) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return framework.run_recipe("sentiment", f"data.train={wrong[0]}", *LINEAR, folder=folder)


LINEAR = ["candidates=[linear]", "export=[onnx]", "trainer.enable_progress_bar=false"]


def listed(run: Path) -> list[dict[str, str]]:
    with (run / FILE).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def section(run: Path) -> dict[str, object]:
    sections = json.loads((run / "report.json").read_text("utf-8"))["sections"]
    (only,) = [section for section in sections if section["title"] == TITLE]
    return dict(only)


def in_training(run: Path, lines: set[int]) -> set[int]:
    splits = stored_splits(RunFolder(run).data)
    assert splits is not None
    return lines & set(splits.train.lines)


def test_injected_wrong_labels_are_listed_with_file_and_line(run: Path, wrong: tuple[Path, set[int]]) -> None:
    file, lines = wrong
    named = {int(row["line"]) for row in listed(run)}
    there = in_training(run, lines)
    assert len(named & there) >= 0.9 * len(there)
    assert len(named & there) >= 0.9 * len(named)
    texts = [text for text, _ in rows(300)]
    for row in listed(run):
        assert tuple(row) == HEADER
        assert (row["file"], row["text"]) == (str(file), f"{texts[int(row['line']) - 2]} [email]")
        assert float(row["probability"]) > float(row["probability_of_label"])
        if int(row["line"]) in there:
            assert row["likelier"] in WORDS
            assert any(word in row["text"].split() for word in WORDS[row["likelier"]])


def test_the_section_shows_them_and_what_leaving_them_out_would_change(run: Path) -> None:
    shown = section(run)
    first = listed(run)[0]
    assert shown["file"] == FILE
    columns = [first[name] for name in ("text", "label", "likelier", "probability")]
    assert shown["rows"][0] == [*columns, "reviews.csv", int(first["line"])]  # type: ignore[index]
    note = str(shown["note"])
    assert f"{len(listed(run))} of 240 training rows" in note
    assert "would change macro_f1 on validation from" in note
    assert "95 % interval of the difference" in note
    assert "Nothing was left out" in note
    assert TITLE in (run / "report.html").read_text("utf-8")


def test_the_file_names_what_data_exclude_leaves_out(tmp_path: Path, run: Path, wrong: tuple[Path, set[int]]) -> None:
    cleaned = framework.run_recipe(
        "sentiment", f"data.train={wrong[0]}", f"data.exclude={run / FILE}", *LINEAR, folder=tmp_path / "cleaned"
    )
    count = len(listed(run))
    before, after = (stored_splits(RunFolder(folder).data) for folder in (run, cleaned))
    assert before is not None
    assert after is not None
    assert len(after.train) == len(before.train) - count
    assert list(after.test.texts("text")) == list(before.test.texts("text"))
    decisions = json.loads((cleaned / "report.json").read_text("utf-8"))["decisions"]
    said = f"{count} rows of reviews.csv are left out of training: data.exclude={run / FILE}"
    assert said in [decision["sentence"] for decision in decisions]
    assert not in_training(cleaned, {int(row["line"]) for row in listed(run)})


def test_texts_are_left_out_of_file_and_report_where_they_are_not_to_be_shown(
    tmp_path: Path, wrong: tuple[Path, set[int]]
) -> None:
    hidden = framework.run_recipe("sentiment", f"data.train={wrong[0]}", *LINEAR, "report.texts=false", folder=tmp_path / "run")
    assert {row["text"] for row in listed(hidden)} == {"(text left out)"}
    assert all(row["line"] for row in listed(hidden))
    assert {row[0] for row in section(hidden)["rows"]} == {"(text left out)"}  # type: ignore[attr-defined]
    assert main(["export", str(hidden), "report.texts=true", "report.personal_data=keep"]) == 0
    assert all("joe@example.com" in row["text"] for row in listed(hidden))


def test_the_frozen_encoder_looks_where_it_competes(tmp_path: Path, model_folder: Path, wrong: tuple[Path, set[int]]) -> None:
    overrides = [f"data.train={wrong[0]}", f"model.name={model_folder}", f"task.max_length={LENGTH}", *LINEAR]
    overrides = ["candidates=[linear,frozen]" if one == LINEAR[0] else one for one in overrides]
    folder = framework.run_recipe("sentiment", *overrides, folder=tmp_path / "run")
    named, there = {int(row["line"]) for row in listed(folder)}, in_training(folder, wrong[1])
    assert len(named & there) >= len(there) / 2
    log = (folder / "run.log").read_text("utf-8")
    assert log.count(TITLE) == 1


def clusters(
    seed: int = 0, classes: int = 4, of_class: int = 60, apart: float = 6
) -> tuple[FixedFeatures, np.ndarray, np.ndarray]:
    """Features that tell the class, for 300 rows more as validation; the class of each training row, and of each other row."""
    from functools import partial

    from sklearn.linear_model import LogisticRegression

    random_numbers = np.random.default_rng(seed)
    truth = np.repeat(np.arange(classes), of_class)
    held_out = random_numbers.integers(classes, size=300)
    train, validation = (
        np.eye(classes)[of] * apart + random_numbers.normal(size=(len(of), classes)) for of in (truth, held_out)
    )
    classifier = partial(LogisticRegression, C=1.0)
    return FixedFeatures(train, validation, classifier, np.zeros(300, int), 0.0), truth, held_out


def flipped(truth: np.ndarray, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which a share is wrong, and which rows these are."""
    random_numbers = np.random.default_rng(seed)
    wrong = random_numbers.permutation(len(truth))[: round(share * len(truth))]
    targets = truth.copy()
    targets[wrong] = (targets[wrong] + random_numbers.integers(1, truth.max() + 1, len(wrong))) % (truth.max() + 1)
    return targets, wrong


def test_confident_learning_flags_flipped_labels_the_surest_first() -> None:
    features, truth, _ = clusters()
    targets, wrong = flipped(truth, 0.1)
    judged = out_of_fold(features, targets, 0, Budget())
    assert judged is not None
    found = suspicious_rows(judged.targets, judged.probabilities)
    assert len(np.intersect1d(found, wrong)) >= 0.8 * max(len(found), len(wrong))
    lead = judged.probabilities.max(1)[found] - judged.probabilities[found, targets[found]]
    assert (np.diff(lead) <= 0).all()
    assert (np.sort(found) == np.flatnonzero(confident_learning(targets, judged.probabilities))).all()


def test_certain_and_right_probabilities_leave_nothing_to_flag() -> None:
    targets = np.repeat(np.arange(3), 10)
    assert not confident_learning(targets, np.eye(3)[targets] * 0.9 + 0.1 / 3).any()


def test_cleanlab_decides_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cleanlab").mkdir()
    (tmp_path / "cleanlab" / "__init__.py").touch()
    flags_row_1 = "import numpy as np\ndef find_label_issues(labels, pred_probs, n_jobs): return np.arange(len(labels)) == 1\n"
    (tmp_path / "cleanlab" / "filter.py").write_text(flags_row_1)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert suspicious_rows(np.array([0, 1]), np.eye(2)).tolist() == [1]
    finally:
        for name in ("cleanlab", "cleanlab.filter"):
            sys.modules.pop(name)


def test_rare_labels_are_not_judged_and_without_time_nothing_is() -> None:
    features, truth, _ = clusters()
    targets = truth.copy()
    targets[truth == 3] = np.where(np.arange(60) < 4, 3, 0)  # four rows of class 3
    judged = out_of_fold(features, targets, 0, Budget())
    assert judged is not None
    assert judged.classes.tolist() == [0, 1, 2]
    assert len(judged.rows) == len(targets) - 4
    slow = FixedFeatures(features.train, features.validation, features.classifier, features.predicted, 100.0)
    assert out_of_fold(slow, targets, 0, Budget(10)) is None


def test_the_effect_on_validation_has_an_interval() -> None:
    features, truth, held_out = clusters(apart=2)
    targets, wrong = flipped(truth, 0.4)
    predicted = features.fit(targets, np.arange(len(targets))).predict(features.validation)
    features = FixedFeatures(features.train, features.validation, features.classifier, predicted, 0.0)
    effect = effect_of_leaving_out(features, targets, wrong, held_out, Metric("accuracy"), 0)
    assert effect is not None
    assert effect.before == pytest.approx((predicted == held_out).mean())
    assert effect.low <= effect.after - effect.before <= effect.high
    assert effect.low < effect.high
    assert effect.after >= effect.before


def test_the_score_without_a_matrix_equals_macro_f1() -> None:
    random_numbers = np.random.default_rng(0)
    predicted, truth = random_numbers.integers(0, 5, (2, 200))
    assert score("macro_f1", predicted, truth) == pytest.approx(macro_f1(confusion_matrix(predicted, truth, 7)))
