"""Trackers: what each receives, read back with its own library, and what a tracker that fails does to a run."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.callbacks import Callback

import framework
from framework import plugins
from framework.__main__ import main
from framework.recipe.compose import compose_recipe
from framework_trackers import TensorBoard, tensorboard
from tests import forked
from tests.test_run import TRIAL
from tests.tiny import install

NEEDS = {"mlflow": "mlflow", "wandb": "wandb"}


def needs(tracker: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(tracker) is None, reason=f"{tracker} is not installed: pip install '.[{tracker}]'")


def command(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, as these libraries expect to be used."""
    line = ["recipe=sentiment", *overrides, "export=[quick]", "trainer.log_every_n_steps=5"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "MLFLOW_"))}
    return forked.run(folder, *line, environment=environment, path=[folder])


def scores(run: Path) -> dict[str, dict[str, float]]:
    metrics: dict[str, dict[str, float]] = json.loads((run / "report.json").read_text("utf-8"))["metrics"]
    return metrics


def test_tensorboard_shows_steps_results_recipe_and_artifact(run_folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(run_folder / "logs" / "tensorboard")).Reload()
    losses = events.Scalars("train_loss")
    assert len(losses) >= 4
    assert [loss.step for loss in losses] == sorted({loss.step for loss in losses})
    last = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}
    expected = scores(run_folder)
    assert last["test/macro_f1"] == pytest.approx(expected["fine-tuned encoder"]["macro_f1"])
    assert last["test/linear/macro_f1"] == pytest.approx(expected["TF-IDF + logistic regression"]["macro_f1"])
    assert last["files/onnx_int8/bytes"] == (run_folder / "artifact" / "onnx_int8" / "classifier.onnx").stat().st_size
    texts = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
    assert "max_epochs: 4" in texts["recipe/text_summary"]
    assert str(run_folder / "artifact" / "manifest.json") in texts["artifact/text_summary"]
    started = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    assert started.session_start_info.hparams["trainer/max_epochs"].number_value == 4
    listed = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/experiment").plugin_data.content).experiment
    assert {"test/macro_f1", "files/onnx/bytes"} <= {metric.name.tag for metric in listed.metric_infos} <= last.keys()
    assert {setting.name for setting in listed.hparam_infos} == set(started.session_start_info.hparams)


def test_a_copy_in_another_process_writes_tensorboard_files_of_its_own(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tmp_path / "config.yaml").write_text("seed: 1")
    run = tensorboard.start(TensorBoard(), "mine", tmp_path)
    run.log_hyperparams({"seed": 1, "trainer": {"devices": [0, 1]}})
    code = (
        "import pickle, sys; run = pickle.load(sys.stdin.buffer); run.log_metrics({'loss': 0.5}, 3); run.finalize('success');"
        "print(sorted({'torch', 'pytorch_lightning'} & sys.modules.keys()))"
    )
    rank = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(run), capture_output=True)
    assert (rank.returncode, rank.stdout) == (0, b"[]\n"), rank.stderr
    run.finish({"test/accuracy": 1.0}, tmp_path)
    events = EventAccumulator(str(tmp_path / "logs" / "tensorboard")).Reload()
    assert [(loss.step, loss.value) for loss in events.Scalars("loss")] == [(3, 0.5)]
    assert [one.value for one in events.Scalars("test/accuracy")] == [1.0]


def test_without_a_tracker_the_csv_log_stays(tmp_path: Path, small: list[str]) -> None:
    run = framework.run_recipe(
        "sentiment", *small, "tracker=none", "export=[quick]", "trainer.max_epochs=1", folder=tmp_path / "run"
    )
    assert not (run / "logs").exists()
    assert "val_macro_f1" in (run / TRIAL / "logs" / "metrics.csv").read_text()


@needs("mlflow")
def test_mlflow_in_a_local_database_holds_steps_results_recipe_and_artifact(tmp_path: Path, small: list[str]) -> None:
    from mlflow import MlflowClient

    done = command(tmp_path, *small, "tracker=[mlflow,tensorboard]", "+tracker.mlflow.tags.team=mail")
    assert done.returncode == 0, done.stdout + done.stderr
    run = (tmp_path / "runs" / "sentiment" / "latest").resolve()
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("sentiment")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.status, found.data.tags["team"]) == ("FINISHED", "mail")
    assert found.data.tags["mlflow.runName"] == f"sentiment/{run.name}"
    assert found.data.params["candidates/fine_tuned/learning_rate"] == "0.003"
    assert len(client.get_metric_history(found.info.run_id, "train_loss")) >= 4
    assert found.data.metrics["test/macro_f1"] == scores(run)["fine-tuned encoder"]["macro_f1"]
    assert found.data.metrics["test/majority/macro_f1"] == scores(run)["majority class"]["macro_f1"]
    fetched = Path(client.download_artifacts(found.info.run_id, "artifact", str(tmp_path)))
    assert framework.load(fetched).predict(["the lovely flight"])
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == {"artifact", "config.yaml"}
    assert any((run / "logs" / "tensorboard").iterdir())  # several at once


@needs("mlflow")
def test_a_run_that_fails_is_failed_in_mlflow(tmp_path: Path, small: list[str]) -> None:
    from mlflow import MlflowClient

    (tmp_path / "failing.py").write_text(
        "from pytorch_lightning.callbacks import Callback\n\n\nclass Fail(Callback):\n"
        "    def on_train_epoch_end(self, trainer, module):\n        raise RuntimeError('the training broke')\n"
    )
    done = command(tmp_path, *small, "tracker=mlflow", "trainer.callbacks=[{_target_: failing.Fail}]")
    assert (done.returncode, "the training broke" in done.stderr) == (1, True)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([e.experiment_id for e in client.search_experiments() if e.name == "sentiment"])
    assert found.info.status == "FAILED"


@needs("wandb")
def test_wandb_offline_keeps_steps_results_recipe_and_artifact_for_a_later_sync(tmp_path: Path, small: list[str]) -> None:
    done = command(tmp_path, *small, "tracker=wandb", "tracker.wandb.mode=offline", "tracker.wandb.project=mail")
    assert done.returncode == 0, done.stdout + done.stderr
    run = (tmp_path / "runs" / "sentiment" / "latest").resolve()
    (file,) = run.glob("logs/wandb/offline-run-*/run-*.wandb")
    said = file.read_bytes()
    value = repr(scores(run)["fine-tuned encoder"]["macro_f1"]).encode()
    assert re.search(rb"test/macro_f1.{1,6}" + re.escape(value), said, re.DOTALL)
    assert len(re.findall(rb"train_loss.{1,6}\d\.\d", said, re.DOTALL)) >= 4
    assert b'"max_length":32' in said
    assert str(run / "artifact" / "manifest.json").encode() in said
    assert "wandb sync" in done.stderr


@pytest.mark.parametrize(
    ("tracker", "module", "command"),
    [
        ("tensorboard", "tensorboard", "pip install 'recipe-framework[train]'"),
        ("wandb", "wandb", "pip install 'recipe-framework[wandb]'"),
        ("mlflow", "mlflow", "pip install 'recipe-framework[mlflow]'"),
        ("mlflow", "sqlalchemy", "pip install 'recipe-framework[mlflow]'"),
    ],
)
def test_a_library_that_is_missing_is_said_before_anything_is_read(
    tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tracker: str, module: str, command: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["recipe=sentiment", *small, f"tracker={tracker}"]) == 2
    said = capsys.readouterr().err
    assert f"needs {module}, which is not installed: {command}" in said
    assert not any((tmp_path / "runs").glob("*/*/*"))


def test_a_password_in_the_recipe_is_refused_and_not_repeated() -> None:
    address = "postgresql://me:swordfish@host/mlflow"
    with pytest.raises(framework.InputError, match="holds a password, and a recipe is written") as error:
        compose_recipe("sentiment", ["tracker=mlflow", f"tracker.mlflow.tracking_uri={address}"])
    assert "swordfish" not in str(error.value)


def test_options_are_typed_and_trackers_known_by_name() -> None:
    for override, message in {
        "tracker=mlfow": "no tracker 'mlfow'; did you mean mlflow? available: mlflow, none, tensorboard, wandb",
        "tracker.tensorboard.flush_sec=1": "did you mean tracker.tensorboard.flush_secs?",
        "tracker.tensorboard.flush_secs=soon": "tracker.tensorboard.flush_secs=soon: write a whole number; it is 120 now",
    }.items():
        with pytest.raises(framework.InputError, match=re.escape(message)):
            compose_recipe("sentiment", [override])


ACME = """
import json
from dataclasses import dataclass
from framework import Tracker, hookimpl


@dataclass
class Acme:
    breaks: str = ""


class Run:
    def __init__(self, options, recipe, folder):
        self.options, self.file = options, folder / "acme.jsonl"
        self.note("start", recipe)

    def note(self, what, value):
        if self.options.breaks == what:
            raise ConnectionError(f"no answer to {what}")
        with self.file.open("a") as stream:
            print(json.dumps([what, value]), file=stream)

    def log_hyperparams(self, params):
        self.note("recipe", params)

    def log_metrics(self, metrics, step=None):
        self.note("step", [step, metrics])

    def finalize(self, status):
        self.note("finalize", status)

    def finish(self, metrics, artifact):
        self.note("finish", [metrics, str(artifact), (artifact / "manifest.json").exists()])


@hookimpl
def register_trackers(register):
    register(Tracker("acme", "acme_track:Run", Acme))
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stranger's tracker, installed."""
    install(tmp_path / "site", "acme-track", "acme_track")
    (tmp_path / "site" / "acme_track.py").write_text(ACME)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    plugins._load.cache_clear()
    yield
    plugins._load.cache_clear()


def noted(run: Path) -> list[tuple[str, Any]]:
    return [tuple(json.loads(line)) for line in (run / "acme.jsonl").read_text().splitlines()]


def acme_run(folder: Path, small: list[str], breaks: str) -> Path:
    more = ("tracker=acme", f"tracker.acme.breaks={breaks}", "export=[quick]", "trainer.log_every_n_steps=5")
    return framework.run_recipe("sentiment", *small, "trainer.max_epochs=2", *more, folder=folder / "runs" / "one")


@pytest.mark.usefixtures("acme")
def test_a_tracker_from_outside_is_told_everything_in_order(tmp_path: Path, small: list[str]) -> None:
    run = acme_run(tmp_path, small, "''")
    told = noted(run)
    assert [what for what, _ in told if what != "step"] == ["start", "recipe", "finalize", "finish"]
    about = dict(told)
    assert about["start"] == "sentiment"
    assert about["recipe"]["trainer"]["max_epochs"] == 2
    assert {name for what, value in told if what == "step" for name in value[1]} >= {"train_loss", "val_macro_f1"}
    metrics, artifact, sealed = about["finish"]
    assert metrics["test/macro_f1"] == scores(run)["fine-tuned encoder"]["macro_f1"]
    assert (artifact, sealed) == (str(run / "artifact"), True)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("breaks", ["step", "finalize", "finish"])
def test_a_tracker_that_fails_after_the_start_is_a_warning_and_the_run_succeeds(
    tmp_path: Path, small: list[str], breaks: str
) -> None:
    run = acme_run(tmp_path, small, breaks)
    assert framework.load(run).predict(["the lovely flight"])
    assert (run.parent / "latest").resolve() == run
    log = (run / "run.log").read_text("utf-8")
    assert log.count(f"warning: tracker acme failed: no answer to {breaks}; ") == 1
    assert [what for what, _ in noted(run)][-1] == ("finalize" if breaks == "finish" else "finish")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("breaks", ["start", "recipe"])
def test_a_tracker_that_cannot_start_ends_the_run_before_anything_is_fitted(
    tmp_path: Path, small: list[str], breaks: str
) -> None:
    with pytest.raises(framework.FrameworkError, match=f"tracker acme cannot start: no answer to {breaks}") as error:
        acme_run(tmp_path, small, breaks)
    assert error.value.exit_code == 1
    assert "fitted in" not in (tmp_path / "runs" / "one" / "run.log").read_text("utf-8")


class Fail(Callback):
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        raise RuntimeError("the training broke")


@pytest.mark.usefixtures("acme")
def test_a_run_that_fails_is_failed_for_its_trackers(tmp_path: Path, small: list[str]) -> None:
    failing = "trainer.callbacks=[{_target_: tests.plugins.test_trackers.Fail}]"
    with pytest.raises(RuntimeError, match="the training broke"):
        framework.run_recipe("sentiment", *small, "tracker=acme", failing, folder=tmp_path / "run")
    assert noted(tmp_path / "run")[-1] == ("finalize", "failed")
