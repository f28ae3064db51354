"""What a run would refuse before it trains, `check` refuses in the same words."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
import torch

import framework
from framework.__main__ import main
from tests.tiny import recommends, summaries, tiny_model, tiny_writer, write_csv


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *settings: str) -> str:
    """What both say."""
    said = []
    for verb in (["check"], []):
        folder = [] if any(setting.startswith("hydra.run.dir=") for setting in settings) else [f"hydra.run.dir=runs/{uuid4()}"]
        assert main([*verb, *settings, *folder]) == 2
        written = capsys.readouterr()
        assert "fitted in" not in written.out
        said.append(written.err)
    assert said[0] == said[1]
    return said[0]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.layers=99", "model.layers=99: this backbone has 2 layers; write 1 to 2"),
        ("model.layers=[0,5]", "model.layers=[0, 5]: this backbone has 2 layers"),
        ("model.freeze=99", "model.freeze=99: write embeddings, or how many of the 2 layers"),
        ("model.name=./nowhere", "model.name=./nowhere: no such folder"),
        ("trainer.max_epochs=0", "trainer.max_epochs=0 trains nothing: write 1 or more, or null"),
        ("trainer.max_epochs=-1", "give trainer.max_epochs or trainer.max_steps"),
        ("trainer.max_steps=0", "trainer.max_steps=0 trains nothing"),
        ("trainer.limit_train_batches=0.0", "trainer.limit_train_batches=0.0 trains nothing"),
        ("trainer.precision=abc", "trainer: "),
        ("trainer.devices=[7,7]", "trainer: "),
        ("trainer.strategy=none", "trainer: "),
        ("trainer.max_time=soon", "trainer: "),
        ("trainer.callbacks=[{_target_: no.Such}]", "trainer: "),
        ("trainer.callbacks=[foo]", "trainer.callbacks must be a list"),
        ("trainer.barebones=true", "trainer.barebones=true measures Lightning itself"),
        ("hydra.run.dir=latest", "latest is where the link to the last run goes"),
    ],
)
def test_check_refuses_what_a_run_refuses(
    capsys: pytest.CaptureFixture[str], small: list[str], override: str, message: str
) -> None:
    assert message in refused(capsys, "recipe=sentiment", *small, override)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], small: list[str]) -> None:
    assert "trainer: " in refused(capsys, "recipe=sentiment", *small, "trainer.accelerator=gpu")


def test_a_folder_that_holds_a_run_is_refused(capsys: pytest.CaptureFixture[str], small: list[str], quick_run: Path) -> None:
    said = refused(capsys, "recipe=sentiment", *small, f"hydra.run.dir={quick_run}")
    assert "holds a run already; nothing was overwritten" in said


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", b"\x10\0\0\0\0\0\0\0{}", "its weights cannot be loaded: model.safetensors: "),
        ("tokenizer.json", b"{", "its tokenizer cannot be read: "),
        ("tokenizer_config.json", b'{"model_max_length": 9}', "task.max_length=32: this backbone takes at most 9 tokens"),
    ],
)
def test_a_broken_backbone_is_refused(
    capsys: pytest.CaptureFixture[str],
    small: list[str],
    model_folder: Path,
    here: Path,
    file: str,
    content: bytes,
    message: str,
) -> None:
    backbone = next(setting.partition("=")[2] for setting in small if setting.startswith("model.name="))
    folder = Path(shutil.copytree(backbone, here / "broken"))
    (folder / file).write_bytes(content)
    assert message in refused(capsys, "recipe=sentiment", *small, f"model.name={folder}")


def giant(folder: Path, backbone: Path) -> Path:
    """A copy of a backbone whose file of weights has a further tensor of 400 GB; the file is sparse."""
    copy = Path(shutil.copytree(backbone, folder))
    path = copy / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, end = json.loads(content[8 : 8 + length]), len(content) - 8 - length
    header["further"] = {"dtype": "F32", "shape": [10**11], "data_offsets": [end, end + 4 * 10**11]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    os.truncate(path, 8 + len(text) + end + 4 * 10**11)
    return copy


def test_a_backbone_that_does_not_fit_into_memory_is_left_out_and_the_others_compete(
    capsys: pytest.CaptureFixture[str], small: list[str], model_folder: Path, here: Path
) -> None:
    words = [*small, f"model.name={giant(here / 'giant', model_folder)}"]
    assert main(["check", "recipe=sentiment", *words]) == 2
    assert "this backbone of 100,000 million weights needs" in capsys.readouterr().err
    words += ["candidates=[linear,frozen,fine_tuned]", "export=[quick]", "tracker=none"]
    run = framework.run_recipe("sentiment", *words, folder=here / "run")
    content = json.loads((run / "report.json").read_text("utf-8"))
    assert content["candidate"] == "linear"
    reasons = content["selection"]["refused"]
    assert "GB of memory to be opened, and" in reasons["frozen"][0]
    assert "GB of memory to be trained, and" in reasons["fine_tuned"][0]


def test_what_a_generator_cannot_be_trained_with_is_refused(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    train = write_csv(here / "rows.csv", summaries(), ("text", "summary"))
    given = ["recipe=summarization", f"data.train={train}", f"model.name={tiny_writer(here / 'model')}", "task.max_text=24"]
    capsys.readouterr()
    assert "this backbone takes 128: write fewer" in refused(capsys, *given, "task.max_summary=104")
    given.append("task.max_summary=6")
    adalora = ["model.adapter=adalora", "trainer.max_steps=2"]
    assert "adalora needs at least 3 steps, this training has 2; write lora" in refused(capsys, *given, *adalora)
    assert "give trainer.max_epochs or trainer.max_steps" in refused(capsys, *given, "trainer.max_epochs=-1")


def test_what_a_recommender_cannot_be_fitted_with_is_refused(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    given = ["recipe=recommendation", *recommends(here / "shop"), "export=[onnx]"]
    plain = tiny_model(here / "plain")
    capsys.readouterr()  # what writing the models showed
    assert "is no sentence encoder" in refused(capsys, *given, f"encoder.name={plain}")
    assert "model.name=./nowhere: no such folder" in refused(capsys, *given, "model.encoder.name=./nowhere")
    alone = [*given, "candidates=[hybrid]", "data.items=null", "data.users=null"]
    assert "hybrid reads texts of items: give data.items=FILE" in refused(capsys, *alone)
    several = [*given, "candidates=[item_knn,ease,hybrid]"]  # one of them does not read texts
    assert "encoder.name=" in refused(capsys, *several, f"encoder.name={plain}")
