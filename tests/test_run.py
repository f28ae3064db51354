"""A whole run: what it leaves, what it says, and what it leaves when it is stopped."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

import framework
from framework.__main__ import main
from framework.artifact.manifest import Manifest
from framework.artifact.sealed import open_artifact
from framework.run.context import Run
from tests import forked

TRIAL = Path("trials", "fine_tuned")  # of a run, where the candidate is fitted that its tests are about


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, object] = json.loads((folder / "report.json").read_text("utf-8"))
    return content


def largest_difference(manifest: Manifest, variant: str = "onnx") -> float:
    """Of an exact file's outputs from the model's."""
    parity = manifest.variants[variant].parity
    assert parity is not None
    return parity.largest_difference


def test_a_run_leaves_artifact_report_logs_checkpoints_and_the_trained_module(run_folder: Path) -> None:
    left = {path.relative_to(run_folder).as_posix() for path in run_folder.rglob("*") if path.is_file()}
    assert {
        "config.yaml", "run.log", "report.html", "report.json", "torch/model.safetensors", "torch/tokenizer.json",
        "data/train.arrow", f"{TRIAL}/checkpoints/last.ckpt", f"{TRIAL}/logs/metrics.csv", f"{TRIAL}/fitted/fitted.json",
        "artifact/manifest.json", "artifact/golden.jsonl", "artifact/recipe.yaml", "artifact/resources/tokenizer.json",
        "artifact/onnx/classifier.onnx", "artifact/torchscript/classifier.pt",
    } <= left  # fmt: skip
    assert any(name.startswith("logs/tensorboard/events") for name in left)
    assert (run_folder.parent / "latest").resolve() == run_folder


def test_the_manifest_says_where_everything_came_from(run_folder: Path, csv_file: Path, model_folder: Path) -> None:
    manifest = open_artifact(run_folder).manifest
    assert manifest.data.source == str(csv_file)
    assert manifest.data.columns == {"text": "text", "label": "label"}
    assert manifest.data.rows == {"train": 192, "validation": 24, "test": 24}
    assert manifest.model.backbone == str(model_folder)
    assert manifest.codec.settings["labels"] == ["negative", "neutral", "positive"]
    assert set(manifest.evaluation.candidates) == {"majority", "linear", "fine_tuned"}
    assert largest_difference(manifest) <= 1e-4
    assert manifest.versions["torch"].startswith("2.")


def test_the_run_says_what_it_did_with_the_data_before_it_trains(run_folder: Path) -> None:
    log = (run_folder / "run.log").read_text("utf-8")
    before = log.split("fine-tuned encoder: fitted")[0]
    for said in (
        "source: ",
        "licence: ",
        "text of reviews.csv is the column 'text' (by its name)",
        "Labels (3)",
        "Training rows as the model sees them",
        "row 1  [CLS] the",
    ):
        assert said in before


def test_the_report_begins_with_the_verdict_and_escapes_texts(tmp_path: Path, small: list[str], csv_file: Path) -> None:
    text = csv_file.read_text("utf-8").replace("the ", "<script>alert(1)</script> the ", 200)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    folder = framework.run_recipe("sentiment", *small, f"data.train={tmp_path / 'a.csv'}", "trainer.max_steps=1",
                           "export=[quick]", folder=tmp_path / "run")  # fmt: skip
    page = (folder / "report.html").read_text("utf-8")
    verdict = str(report(folder)["verdict"])
    assert verdict.startswith("The fine-tuned encoder does NOT beat the baseline 'TF-IDF + logistic regression'")
    assert page.index("does NOT beat") < page.index("<h2")
    assert "<script>" not in page


def test_the_trained_module_opens_with_transformers(run_folder: Path) -> None:
    from transformers import pipeline

    answers = pipeline("text-classification", str(run_folder / "torch"))(["the lovely flight"])
    assert answers[0]["label"] in {"negative", "neutral", "positive"}


@pytest.mark.parametrize(("looked_at", "wanted", "shows"), [(True, None, True), (True, False, False), (False, None, False)])
def test_rows_are_counted_on_a_terminal(monkeypatch: pytest.MonkeyPatch, looked_at: bool, wanted: bool, shows: bool) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: looked_at)
    monkeypatch.setattr(sys, "stderr", terminal)
    job: Any = SimpleNamespace(config=OmegaConf.create({"trainer": {"enable_progress_bar": wanted}}))
    with Run.progress(job, "fine-tuned writer", 4) as answered:
        time.sleep(1.1)
        answered()
    assert ("fine-tuned writer:  25%" in terminal.getvalue()) == shows


def test_a_fit_is_one_live_line_with_the_best_so_far_and_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str]
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    words = [word for word in small if not word.startswith("trainer.")]
    words += ["trainer.max_epochs=2", "export=[quick]", "tracker=none", "budget=1h", "search.trials=0"]
    framework.run_recipe("sentiment", *words, folder=tmp_path / "run")
    line = r"fine-tuned encoder  0:\d\d  epoch 2, batch 10 of 24, best macro_f1 0\.\d{4}  \(59:\d\d of the budget left\)"
    assert re.search(line, terminal.getvalue())
    assert "the fit begins" not in (tmp_path / "run" / "run.log").read_text("utf-8")


def test_without_a_terminal_a_plain_line_says_that_a_fit_begins_and_another_that_it_has_ended(quick_run: Path) -> None:
    log = (quick_run / "run.log").read_text("utf-8")
    assert log.index("fine-tuned encoder: the fit begins\n") < log.index("fine-tuned encoder: fitted in")


def test_a_run_folder_is_never_overwritten(run_folder: Path, small: list[str]) -> None:
    before = (run_folder / "config.yaml").stat().st_mtime_ns
    with pytest.raises(framework.InputError, match="holds a run already; nothing was overwritten"):
        framework.run_recipe("sentiment", *small, folder=run_folder)
    assert (run_folder / "config.yaml").stat().st_mtime_ns == before


def test_the_same_seed_gives_the_same_metrics_to_the_last_digit(quick_run: Path, tmp_path: Path, small: list[str]) -> None:
    again = framework.run_recipe("sentiment", *small, "export=[quick]", folder=tmp_path / "again")
    other = framework.run_recipe("sentiment", *small, "seed=7", "export=[quick]", folder=tmp_path / "other")
    assert report(again)["metrics"] == report(quick_run)["metrics"]
    assert report(other)["metrics"] != report(quick_run)["metrics"]


def test_mixed_precision_trains_and_still_exports_fp32(tmp_path: Path, small: list[str]) -> None:
    folder = framework.run_recipe("sentiment", *small, "trainer.precision=bf16-mixed", "export=[onnx]", folder=tmp_path / "run")
    manifest = framework.load(folder).manifest
    assert manifest.model.training is not None
    assert manifest.model.training.precision == "bf16-mixed"
    assert largest_difference(manifest) < 1e-4
    assert manifest.evaluation.candidates["fine_tuned"]["macro_f1"] > 0.5


def test_synthetic_golden_examples_hold_none_of_the_data(tmp_path: Path, small: list[str], csv_file: Path) -> None:
    folder = framework.run_recipe("sentiment", *small, "artifact.golden=synthetic", "export=[quick]", folder=tmp_path / "run")
    golden = [json.loads(line) for line in (folder / "artifact" / "golden.jsonl").read_text("utf-8").splitlines()]
    texts = csv_file.read_text("utf-8")
    assert len(golden) >= 5
    assert not [g for g in golden if len(g["request"]["text"]) > 3 and g["request"]["text"] in texts]


@pytest.mark.parametrize("override", ["trainer.precision=abc", "trainer.accelerator=abacus", "trainer.strategy=none"])
def test_what_lightning_refuses_is_one_message_before_anything_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str], capsys: pytest.CaptureFixture[str], override: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recipe=sentiment", *small, override]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: trainer: ")
    assert "Traceback" not in said.err + said.out
    assert "fitted in" not in said.out


def test_a_sweep_over_recipes_takes_the_tasks_own_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "recipes" / "recipe" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# @package _global_\ndefaults:\n  - override /task: classification\n  - override /export: [onnx]\n")
    assert main(["recipe=mine,sentiment", *small, "export=[quick]", "trainer.max_steps=2", "-m"]) == 0
    assert sorted(path.parent.name for path in tmp_path.glob("runs/sweeps/*/0-*/artifact")) == ["0-mine", "0-sentiment"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.callbacks=[{_target_: no.Such}]", "trainer: "),
        ("trainer.callbacks=[foo]", "trainer.callbacks must be a list"),
        ("trainer.max_epochs=-1", "give trainer.max_epochs or trainer.max_steps"),
        ("trainer.barebones=true", "trainer.barebones=true measures Lightning itself"),
    ],
)
def test_what_cannot_be_trained_with_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str], capsys: pytest.CaptureFixture[str],
    override: str, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["recipe=sentiment", *small, override]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err + said.out
    assert "Error executing job" not in said.err
    assert message in next(tmp_path.glob("runs/sentiment/*/run.log")).read_text("utf-8")


def stopped_by(process: forked.Command, stop: signal.Signals) -> str:
    """What it said. Python loses an interrupt that lands in a finalizer, so it is pressed again, as a person would."""
    for _ in range(3):
        os.kill(process.pid, stop)
        try:
            return process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    raise AssertionError(f"still running after {stop.name} three times")


def wait_for(pattern: str, folder: Path, seconds: float = 90) -> Path:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := sorted(folder.glob(pattern)):
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in {folder}")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_while_training_the_last_checkpoint_stays(tmp_path: Path, small: list[str], stop: signal.Signals) -> None:
    process = forked.start(
        tmp_path, "recipe=sentiment", *small, "trainer.max_epochs=10000", "model.patience=10000", joined=True
    )
    last = wait_for("runs/sentiment/*/trials/fine_tuned/checkpoints/last.ckpt", tmp_path)
    said = stopped_by(process, stop)
    assert process.returncode == (130 if stop is signal.SIGINT else -9)
    assert "Traceback" not in said
    assert last.exists()
    assert not (tmp_path / "runs" / "sentiment" / "latest").exists()
    assert not list(tmp_path.rglob("manifest.json"))


def test_killed_while_exporting_no_half_artifact_is_left(tmp_path: Path, small: list[str]) -> None:
    process = forked.start(tmp_path, "recipe=sentiment", *small, joined=True)
    wait_for("runs/sentiment/*/.artifact-unfinished/onnx", tmp_path)
    process.kill()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    assert "Traceback" not in said
    run = next(path for path in (tmp_path / "runs" / "sentiment").iterdir())
    assert (run / TRIAL / "checkpoints" / "last.ckpt").exists()
    assert not (run / "artifact").exists()
    assert not (run.parent / "latest").is_symlink()
    with pytest.raises(framework.InputError, match="holds no artifact"):
        framework.load(run)
