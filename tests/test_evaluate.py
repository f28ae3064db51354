"""A sealed artifact is judged on labelled data of any file, and held to gates by an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import framework
from framework.__main__ import main
from tests.tiny import rows, write_csv

PAIRS = rows(45, seed=5)


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_csv(tmp_path / "labelled.csv", PAIRS)


def test_the_metrics_are_those_of_the_artifacts_own_answers(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}
    assert main(["evaluate", str(run_folder), str(labelled), "--variant", "onnx", "--json", "found.json"]) == 0
    answers = framework.load(run_folder, "onnx").predict([text for text, _ in PAIRS])
    right = sum(answer["label"] == label for answer, (_, label) in zip(answers, PAIRS, strict=True))
    found = json.loads(Path("found.json").read_text("utf-8"))
    assert found["metrics"]["accuracy"] == pytest.approx(right / len(PAIRS))
    assert found["rows"] == len(PAIRS)
    assert found["sealed"] == framework.load(run_folder).manifest.evaluation.candidates["fine_tuned"]
    said = capsys.readouterr().out
    for part in ("Confusion matrix", "Per class", "Most confident mistakes", "ece", "test rows of its run"):
        assert part in said
    assert {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")} == before


def test_gates_that_hold_end_with_0_and_one_that_fails_with_3(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(run_folder), str(labelled), "--min", "macro_f1=0", "--max", "ece=1"]
    assert main(command) == 0
    assert capsys.readouterr().out.count("gate holds: ") == 2
    assert main([*command, "--min", "accuracy=1.01", "--max", "ece=-1", "--json", "found.json"]) == 3
    said = capsys.readouterr().out
    assert said.count("gate holds: ") == 2
    assert "gate FAILS: accuracy is " in said
    assert "where at most -1 is asked for" in said
    gates = json.loads(Path("found.json").read_text("utf-8"))["gates"]
    assert [(gate["metric"], gate["holds"]) for gate in gates] == [
        ("macro_f1", True), ("accuracy", False), ("ece", True), ("ece", False),
    ]  # fmt: skip


def test_columns_are_found_as_in_training_or_named(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("other.csv"), [(str(i), t, label, "x" * 90) for i, (t, label) in enumerate(PAIRS)],
              ("id", "body", "stars", "remark"))  # fmt: skip
    named = ["--column", "text=body", "--column", "label=stars"]
    assert main(["evaluate", str(run_folder), "other.csv", *named, "--json", "named.json"]) == 0
    assert main(["evaluate", str(run_folder), str(labelled), "--json", "found.json"]) == 0
    metrics = [json.loads(Path(name).read_text("utf-8"))["metrics"] for name in ("named.json", "found.json")]
    assert metrics[0] == metrics[1]
    write_csv(Path("inferred.csv"), PAIRS, ("what they wrote", "mood"))
    assert main(["evaluate", str(run_folder), "inferred.csv"]) == 0
    assert "the column 'what they wrote' (longest texts" in (said := capsys.readouterr().out)
    assert "--column label=COLUMN chooses another" in said


def test_labels_are_spelled_as_in_training_and_classes_without_rows_are_named(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spelled = [(text, f"{label.upper()} ") for text, label in PAIRS if label != "neutral"]
    write_csv(Path("spelled.csv"), spelled)
    assert main(["evaluate", str(run_folder), "spelled.csv", "--json", "found.json"]) == 0
    said = capsys.readouterr().out
    assert "30 rows of spelled.csv have a label that differs from another only in case or spaces" in said
    assert "No rows of 'neutral' were judged: these numbers say nothing of it." in said
    assert json.loads(Path("found.json").read_text("utf-8"))["untested"] == ["neutral"]


def test_unknown_labels_are_named_with_their_lines(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("strange.csv"), [*PAIRS, ("the bag", "positiv"), ("the car", "odd")])
    assert main(["evaluate", str(run_folder), "strange.csv"]) == 2
    said = capsys.readouterr().err
    assert "strange.csv, line 47: the model does not know the label 'positiv'" in said
    assert "strange.csv, line 48: the model does not know the label 'odd'" in said
    assert "did you mean positive? it knows: negative, neutral, positive" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["labelled.csv", "--min", "f1=0.5"], "no metric 'f1'; "),
        (["labelled.csv", "--min", "macro_f1"], "--min macro_f1: write --min METRIC=NUMBER"),
        (["labelled.csv", "--max", "ece=low"], "--max ece=low: write --max METRIC=NUMBER"),
        (["labelled.csv", "--max", "ece=nan"], "--max ece=nan: write --max METRIC=NUMBER"),
        (["labelled.csv", "--column", "stars=label"], "write --column ROLE=NAME, where ROLE is text or label"),
        (["labelled.csv", "--column", "label=star"], "--column label=star: labelled.csv has no such column"),
        (["labelled.csv", "--variant", "int4"], "has no variant 'int4'"),
        (["labelled.csv", "--json", "labelled.csv"], "nothing was overwritten"),
        (["labelled.csv", "--json", "no/folder.json"], "no folder no"),
        (["labelled.csv", "--encoding", "klingon"], "no encoding 'klingon'"),
        (["nowhere.csv"], "no file nowhere.csv"),
    ],
)
def test_wrong_arguments_say_what_to_write(
    run_folder: Path, labelled: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["evaluate", str(run_folder), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_classifier_is_judged_without_the_train_extra(run_folder: Path, labelled: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\nfrom framework.__main__ import main\n"
        f"sys.exit(main(['evaluate', {str(run_folder)!r}, 'labelled.csv']))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (said.returncode, "macro_f1" in said.stdout) == (0, True), said.stderr
