"""Two processes on the CPU train as one: one run folder, one export, the metric of one process; a failing rank ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

import framework
from framework.__main__ import main
from tests import forked
from tests.tiny import rows, write_csv

TWO = ["trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp", "export=[onnx]"]


def test_two_processes_give_one_run_and_the_metric_of_one(tmp_path: Path, small: list[str]) -> None:
    data = f"data.train={write_csv(tmp_path / 'a.csv', rows(600))}"
    arguments = ["recipe=sentiment", *small, data, "model.batch_size=16", "trainer.max_epochs=10", "seed=7"]
    for folder, more in (("one", ["export=[quick]"]), ("two", TWO)):
        run = f"hydra.run.dir={tmp_path / folder / 'run'}"
        done = forked.run(tmp_path, *arguments, *more, run)
        assert (done.returncode, done.stdout.count(": equals the trained module")) == (0, 1), done.stderr
    one, two = (framework.load(tmp_path / folder).manifest for folder in ("one", "two"))
    trainings = [manifest.model.training for manifest in (one, two)]
    assert [(training.devices, training.device) for training in trainings if training] == [(1, "CPU"), (2, "CPU")]
    assert [training.steps / training.epochs for training in trainings if training] == [30, 30]
    scores = [manifest.evaluation.candidates["fine_tuned"]["macro_f1"] for manifest in (one, two)]
    assert scores[1] == pytest.approx(scores[0], abs=0.1)
    assert scores[1] > 0.9
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "two" / "run" / "logs" / "tensorboard")).Reload()
    assert {"train_loss", "val_macro_f1", "test/macro_f1"} <= set(events.Tags()["scalars"])  # the first rank's, and the run's
    assert len(list((tmp_path / "two").glob("*"))) == 2  # the run and the latest link


def test_a_failing_rank_ends_the_run_with_its_error(
    tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "failing.py").write_text(
        "from pytorch_lightning.callbacks import Callback\n\n\nclass Fail(Callback):\n"
        "    def on_train_batch_start(self, trainer, *args):\n"
        "        if trainer.global_rank == 1:\n            raise RuntimeError('the second rank broke')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    callback = "trainer.callbacks=[{_target_: failing.Fail}]"
    assert main(["recipe=sentiment", *small, *TWO, callback]) == 1
    said = capsys.readouterr().err
    assert "rank 1 of the distributed training failed: RuntimeError: the second rank broke" in said
    assert "Traceback" not in said
    with pytest.raises(framework.InputError, match="holds no artifact"):
        framework.load(next((tmp_path / "runs" / "sentiment").iterdir()))
