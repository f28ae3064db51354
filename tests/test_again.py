"""A run that was stopped goes on as if nothing had happened; a run that has ended makes its files again without training."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import framework
from framework.__main__ import main
from framework.artifact.sealed import open_artifact
from framework.training.checkpoints import Best
from framework.training.trainer import new_trainer
from tests import forked
from tests.test_run import TRIAL, report, wait_for

KILLER = """
import os, signal
from pathlib import Path
from pytorch_lightning.callbacks import Callback


class Kill(Callback):
    '''Ends the process as a power cut would, once, at a batch of an epoch.'''

    def __init__(self, marker, epoch, batch):
        self.marker, self.at = Path(marker), (epoch, batch)

    def on_train_batch_start(self, trainer, module, batch, index):
        if (trainer.current_epoch, index) == self.at and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def copy(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to change."""
    return Path(shutil.copytree(run_folder, tmp_path / "runs" / "copy", symlinks=True))


@pytest.fixture
def quick_copy(quick_run: Path, tmp_path: Path) -> Path:
    """A copy of the same run with the files of `quick` alone."""
    return Path(shutil.copytree(quick_run, tmp_path / "runs" / "copy", symlinks=True))


def logged(run: Path) -> list[dict[str, str]]:
    with (run / TRIAL / "logs" / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def note(run: Path, **changes: Any) -> None:
    """Turns a finished run into one that was stopped earlier."""
    path = run / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")


def unfinished(run: Path) -> Path:
    """As a run that was killed after its second epoch, of four: only its checkpoint of that time is there."""
    shutil.rmtree(run / "artifact")
    shutil.rmtree(run / TRIAL / "fitted")
    for path in (run / TRIAL / "checkpoints" / "trained.json", run / TRIAL / "trial.json", run / "selection.json"):
        path.unlink()
    (run / "evaluation.json").unlink()
    note(run, finished=False)
    return run


@pytest.mark.parametrize("at", [(0, 3), (2, 5)], ids=["before the first checkpoint", "in the middle of training"])
def test_killed_while_training_it_resumes_to_the_same_metrics(
    tmp_path: Path, small: list[str], quick_run: Path, at: tuple[int, int]
) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    kill = f"{{_target_: killer.Kill, marker: {tmp_path / 'killed'}, epoch: {at[0]}, batch: {at[1]}}}"
    process = forked.start(
        tmp_path, "recipe=sentiment", *small, "export=[quick]", f"trainer.callbacks=[{kill}]", path=[tmp_path]
    )
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    resumed = forked.run(tmp_path, "resume", "runs/sentiment", path=[tmp_path])
    assert (resumed.returncode, resumed.stderr) == (0, "")
    run = (tmp_path / "runs" / "sentiment" / "latest").resolve()
    assert ("training goes on from last.ckpt" in resumed.stdout) is (at[0] > 0)
    assert report(run)["metrics"] == report(quick_run)["metrics"]
    assert logged(run) == logged(quick_run)
    assert (run / "run.log").read_text("utf-8").count("== fit") == 2
    assert trained_epochs(run) == trained_epochs(quick_run)


def trained_epochs(run: Path) -> int:
    training = open_artifact(run).manifest.model.training
    assert training is not None
    return training.epochs


def test_killed_while_exporting_it_resumes_without_training(tmp_path: Path, small: list[str], quick_run: Path) -> None:
    process = forked.start(tmp_path, "recipe=sentiment", *small, "export=[onnx]")
    wait_for("runs/sentiment/*/export/.fine_tuned-unfinished/onnx", tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    run = next((tmp_path / "runs" / "sentiment").iterdir())
    before = {path: path.stat().st_mtime_ns for path in (run / TRIAL / "checkpoints").iterdir()}
    assert main(["resume", str(run)]) == 0
    assert {path: path.stat().st_mtime_ns for path in (run / TRIAL / "checkpoints").iterdir()} == before
    assert report(run)["metrics"] == report(quick_run)["metrics"]
    framework.load(run).replay_golden()
    assert not list(run.glob(".*-unfinished"))


def test_killed_after_sealing_the_artifact_stays_and_the_link_is_set(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note(copy, finished=False)
    seal = open_artifact(copy).manifest.seal
    assert main(["resume", str(copy)]) == 0
    assert "its artifact was sealed already" in capsys.readouterr().out
    assert open_artifact(copy.parent / "latest").manifest.seal == seal


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_half_a_checkpoint_is_named_and_the_one_before_it_used(
    quick_copy: Path, quick_run: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder that was moved, too: checkpoints name each other."""
    copy = quick_copy
    last = unfinished(copy) / TRIAL / "checkpoints" / "last.ckpt"
    whole = last.read_bytes()
    half = len(whole) // 2
    last.write_bytes(whole[:half] if damage == "cut" else whole[:half] + bytes(2000) + whole[half + 2000 :])
    assert main(["resume", str(copy)]) == 0
    said = capsys.readouterr().out
    assert "last.ckpt is damaged and was not used" in said
    assert "training goes on from best-epoch" in said
    assert report(copy)["metrics"] == report(quick_run)["metrics"]
    assert len(list((copy / TRIAL / "checkpoints").glob("*.ckpt"))) == 2


def test_without_a_whole_checkpoint_it_trains_from_the_start(quick_copy: Path, quick_run: Path) -> None:
    copy = quick_copy
    for path in (unfinished(copy) / TRIAL / "checkpoints").glob("*.ckpt"):
        path.write_bytes(b"")
    assert main(["resume", str(copy)]) == 0
    assert "no checkpoint to go on from" in (copy / "run.log").read_text("utf-8")
    assert report(copy)["metrics"] == report(quick_run)["metrics"]


def test_a_stopped_training_stops_at_the_same_epoch_again(tmp_path: Path, small: list[str]) -> None:
    """Killed between the checkpoint at which early stopping decided and the end of training."""
    patient = ["trainer.max_epochs=12", "model.patience=1", "model.learning_rate=1e-6", "export=[quick]"]
    whole = framework.run_recipe("sentiment", *small, *patient, folder=tmp_path / "runs" / "whole")
    epochs = [row["epoch"] for row in logged(whole)]
    assert epochs[-1] < "9"
    killed = unfinished(Path(shutil.copytree(whole, tmp_path / "runs" / "killed")))
    assert main(["resume", str(killed)]) == 0
    assert [row["epoch"] for row in logged(killed)] == epochs
    assert trained_epochs(killed) == trained_epochs(whole)


@pytest.mark.parametrize("verb", ["resume", "export"])
def test_a_run_goes_on_with_the_rows_that_it_began_with(copy: Path, run_folder: Path, verb: str) -> None:
    """Whatever became of the files since."""
    empty = copy.parent / "empty.csv"
    empty.touch()
    config = re.sub(r"train: \S+reviews\.csv", f"train: {empty}", (copy / "config.yaml").read_text("utf-8"))
    (copy / "config.yaml").write_text(config, encoding="utf-8")
    if verb == "resume":
        unfinished(copy)
    assert main([verb, str(copy), *(["export=[quick]"] if verb == "export" else [])]) == 0
    assert open_artifact(copy).manifest.data.sha256 == open_artifact(run_folder).manifest.data.sha256


def test_two_processes_never_work_in_one_folder(copy: Path, tmp_path: Path, small: list[str]) -> None:
    endless = ["trainer.max_epochs=10000", "model.patience=10000", "hydra.run.dir=runs/busy"]
    process = forked.start(tmp_path, "recipe=sentiment", *small, *endless)
    try:
        wait_for("runs/busy/trials/fine_tuned/checkpoints/last.ckpt", tmp_path)
        for verb in ("resume", "export"):
            said = forked.run(tmp_path, verb, "runs/busy")
            assert said.returncode == 1
            assert f"process {process.pid} is at work in runs/busy; nothing was touched" in said.stderr
    finally:
        process.kill()
        process.communicate(timeout=60)
    log = (tmp_path / "runs" / "busy" / "run.log").read_text("utf-8")
    assert "resumed" not in log


def test_a_finished_run_says_so_and_is_left_as_it_is(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}
    assert main(["resume", str(run_folder)]) == 0
    said = capsys.readouterr().out
    assert "is finished" in said
    assert "python -m framework export" in said
    assert {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")} == before


def test_files_are_made_again_with_other_exporters_and_the_old_artifact_is_kept(
    copy: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = open_artifact(run_folder).manifest
    weights = {path: path.stat().st_mtime_ns for path in (copy / TRIAL / "checkpoints").iterdir()}
    assert main(["export", str(copy / "artifact"), "export=[onnx,onnx_int8]", "export.onnx_int8.max_drop=1",
                 "export.onnx_int8.must_help=false", "artifact.golden=synthetic"]) == 0  # fmt: skip
    found = open_artifact(copy).manifest
    assert set(found.variants) == {"onnx", "onnx_int8"}
    assert found.golden.kind == "synthetic"
    assert found.evaluation.candidates["linear"] == old.evaluation.candidates["linear"]
    assert "is allowed" in found.variants["onnx_int8"].decision
    assert open_artifact(copy / "artifact-1").manifest.seal == old.seal
    assert {path: path.stat().st_mtime_ns for path in (copy / TRIAL / "checkpoints").iterdir()} == weights
    assert "runs/copy/artifact-1" in capsys.readouterr().out
    assert not (copy.parent / "latest").exists()  # an older run's files made again are not the last run
    assert (copy / "config.yaml").read_bytes() == (run_folder / "config.yaml").read_bytes()


def test_an_export_that_is_killed_leaves_the_artifact_as_it_was(copy: Path, tmp_path: Path) -> None:
    seal = open_artifact(copy).manifest.seal
    process = forked.start(tmp_path, "export", "runs/copy", "export=[onnx]")
    wait_for("runs/copy/export/.fine_tuned-unfinished/onnx", tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert open_artifact(copy).manifest.seal == seal
    assert sorted(path.name for path in copy.glob("artifact*")) == ["artifact"]
    assert main(["export", str(copy), "export=[onnx]"]) == 0
    assert set(open_artifact(copy).manifest.variants) == {"onnx"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["seed=7"], "seed=7: the run was made with another; only export, target, artifact, report can change afterwards"),
        (["trainer.max_epochs=9", "task.max_length=3"], "task.max_length=3: the run was made with another"),
        (["export=[onx]"], "no export 'onx'; did you mean onnx?"),
        (["export=[onnx_int8]"], "onnx_int8 starts from onnx"),
        (["export.onnx.opsat=1"], "no key 'export.onnx.opsat'; did you mean export.onnx.opset?"),
        (["export.onnx.opset=many"], "export.onnx.opset=many"),
        (["artifact.golden=none"], "artifact.golden=none"),
        (["export=onnx,torchscript"], "write KEY=VALUE with one value"),
        (["onnx"], "onnx: write KEY=VALUE, such as export=[onnx]"),
    ],
)
def test_what_cannot_change_is_refused_by_name(
    copy: Path, changes: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(copy), *changes]) == 2
    assert message in capsys.readouterr().err
    assert not (copy / "artifact-1").exists()


def test_runs_that_cannot_be_entered_say_why(tmp_path: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*command: object) -> str:
        assert main([str(word) for word in command]) == 2
        return capsys.readouterr().err

    assert "no run at nowhere" in refused("resume", "nowhere")
    assert f"no run at {tmp_path}" in refused("export", tmp_path)
    assert "every run in" in refused("resume", copy.parent)
    alone = shutil.copytree(copy / "artifact", tmp_path / "alone")
    assert "an artifact without its run" in refused("export", alone)
    (copy / TRIAL / "fitted" / "model" / "model.safetensors").write_bytes(b"half")
    assert "of the fitted fine_tuned, is missing or damaged: the recipe must be run again" in refused("export", copy)
    (copy / TRIAL / "trial.json").unlink()
    assert f"has not ended: python -m framework resume {copy}" in refused("export", copy)
    (copy / "config.yaml").write_text("task: {name: classification}\nexport: [")
    assert "config.yaml does not fit this version" in refused("export", copy)
    (copy / "state.json").unlink()
    assert "state.json is missing" in refused("resume", copy)


@pytest.mark.parametrize(
    ("validated", "metrics", "kept"),
    [
        (100, [0.80, 0.78], 1),  # a standard error is 0.04
        (100, [0.80, 0.77, 0.75], 1),  # never further below the highest
        (10_000, [0.80, 0.78], 0),
        (None, [0.80, 0.79], 0),
        (None, [0.80, 0.81], 1),
    ],
)
def test_of_epochs_that_so_few_validation_rows_do_not_tell_apart_the_last_is_the_best(
    tmp_path: Path, validated: int | None, metrics: list[float], kept: int
) -> None:
    best = Best(tmp_path, validated, monitor="val_accuracy", mode="max")
    trainer = new_trainer(logger=False, accelerator="cpu", enable_progress_bar=False)
    for epoch, value in enumerate(map(torch.tensor, metrics)):
        if best.check_monitor_top_k(trainer, value):
            best.kth_best_model_path, best.best_k_models = str(epoch), {str(epoch): value}
    assert best.kth_best_model_path == str(kept)
