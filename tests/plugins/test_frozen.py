"""Features of a frozen encoder, their cache, and the classifier over them as one graph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import framework
from framework.evaluation.module_backend import ModuleBackend
from framework.export.parity import Parity, compare_shapes
from framework.runtime.onnx import open_onnx
from framework_classification import Classification
from framework_classification.frozen import FrozenFit, fit, graph
from framework_classification.regression import best_strength, crossed
from framework_onnx import Onnx
from framework_onnx.export import export
from framework_text import feature_cache
from framework_text.familiarity import fit_distance
from framework_text.features import FrozenClassifier, FrozenEncoder
from tests.tiny import LENGTH, THINGS, WORDS, rows, tiny_encoder, tiny_model

TEXTS = ["the lovely flight", "", "the awful phone screen " * 20, "a car"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recipe-framework" / "features"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("backbone"))


def inputs(encoder: FrozenEncoder, texts: list[str]) -> dict[str, torch.Tensor]:
    tokens = encoder.tokenizer(texts, truncation=True, max_length=LENGTH, padding=True, return_tensors="pt")
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


def fitted(encoder: FrozenEncoder, classes: int, unseen: int = 0) -> tuple[FrozenFit, list[str], list[int]]:
    names = sorted(WORDS)[:classes]
    pairs = rows(40 * classes, {name: WORDS[name] for name in names})
    texts, targets = [text for text, _ in pairs], [names.index(label) for _, label in pairs]
    train, validation = (texts[30:], targets[30:]), (texts[:30], targets[:30])
    return fit(encoder, train, validation, classes + unseen, Classification(), lambda section: None), texts, targets


def test_features_are_the_means_of_each_texts_own_tokens(backbone: Path) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    features = encoder.features(TEXTS)
    assert (features.shape, str(features.dtype)) == ((4, 64), "float32")
    for text, row in zip(TEXTS, features, strict=True):
        with torch.no_grad():
            outputs = encoder.module.encoder(**inputs(encoder, [text]), output_hidden_states=True)
        last = outputs.hidden_states[-1][0].mean(0)
        every = torch.stack(outputs.hidden_states).mean(0)[0].mean(0)
        assert row == pytest.approx(torch.cat([last, every]).numpy(), abs=0.03)  # bfloat16, where the machine has it


@pytest.mark.parametrize("classes", [2, 3])
def test_the_module_gives_scikit_learns_probabilities_over_the_same_features(backbone: Path, classes: int) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    frozen, texts, targets = fitted(encoder, classes)
    module = frozen.module
    with torch.no_grad():
        features = module.features(**inputs(encoder, texts)).numpy()
        logs = torch.log(module(**inputs(encoder, texts))[0]) * frozen.facts["temperature"]
    expected = frozen.regression.predict_proba((features - module.mean.numpy()) / module.scale.numpy())
    assert np.abs(torch.softmax(logs, -1).numpy() - expected).max() < 1e-5
    assert (expected.argmax(1) == targets).mean() > 1.5 / classes


def test_a_class_without_training_rows_has_probability_0(backbone: Path) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    frozen, texts, _ = fitted(encoder, 2, unseen=1)
    with torch.no_grad():
        assert not frozen.module(**inputs(encoder, texts))[0][:, 2].any()


def test_a_feature_that_never_varies_is_not_blown_up(backbone: Path) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    norm = [part for part in encoder.module.modules() if isinstance(part, torch.nn.LayerNorm)][-1]
    with torch.no_grad():
        norm.weight[7] = norm.bias[7] = 1e-30
    assert fitted(encoder, 2)[0].module.scale[7] > 1e-3


def test_it_exports_as_one_graph_equal_to_the_module(tmp_path: Path) -> None:
    encoder = FrozenEncoder(tiny_model(tmp_path / "one layer", layers=1), LENGTH)
    width = encoder.module.width
    head = np.random.default_rng(0).normal(size=(3, width)).astype(np.float32), np.zeros(3, np.float32)
    scaling = np.zeros(width, np.float32), np.ones(width, np.float32)
    distance = fit_distance(np.random.default_rng(1).normal(size=(90, width)), np.arange(90) % 3)
    module = FrozenClassifier(encoder.module, *scaling, *head, 1.5, distance).eval()
    spec = graph(module, encoder)
    variant = export([spec], tmp_path, Onnx(), {})
    parity = Parity()
    files = {name: tmp_path / file for name, file in variant.files.items()}
    compare_shapes(parity, [spec], ModuleBackend([spec]), open_onnx([spec], files))
    parity.require("frozen")


def test_features_are_computed_once_and_again_when_what_decides_them_changes(backbone: Path, cache: Path) -> None:
    first = FrozenEncoder(backbone, LENGTH).features(TEXTS)
    assert len(list(cache.iterdir())) == 1
    again = FrozenEncoder(backbone, LENGTH)
    assert (again.features(TEXTS) == first).all()
    assert "module" not in vars(again)  # its weights were not loaded
    FrozenEncoder(backbone, LENGTH - 1).features(TEXTS)
    again.features(TEXTS[:3])
    again.features([*TEXTS[:2], *TEXTS[2:][::-1]])
    FrozenEncoder(tiny_model(cache.parent / "other", layers=1), LENGTH).features(TEXTS)
    assert len(list(cache.iterdir())) == 5


def test_a_damaged_file_of_the_cache_is_made_again(backbone: Path, cache: Path) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    features = encoder.features(TEXTS)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert (encoder.features(TEXTS) == features).all()
    assert (np.load(file) == features).all()


def test_where_the_cache_cannot_be_written_a_line_says_so(
    backbone: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("no folder")
    assert len(FrozenEncoder(backbone, LENGTH).features(TEXTS)) == 4
    assert "features are not kept for the next run" in capsys.readouterr().err


def test_a_full_cache_lets_the_oldest_go(backbone: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "LIMIT", 2500)  # two files of 4 texts, not three
    encoder = FrozenEncoder(backbone, LENGTH)
    for thing in THINGS[:3]:
        encoder.features([thing] * 4)
    assert len(list(cache.iterdir())) == 2


def test_a_model_that_learned_from_validation_rows_is_judged_on_them_as_if_it_had_not(tmp_path: Path, small: list[str]) -> None:
    settings = [one for one in small if one.startswith(("data.", "model.name", "task."))]
    settings += ["candidates=[frozen]", "tracker=none", "export=[quick]"]
    with_them, without = (
        framework.run_recipe("sentiment", *settings, f"candidates.frozen.all_rows={value}", folder=tmp_path / value)
        for value in ("true", "false")
    )
    judged = [json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["variants"] for run in (with_them, without)]
    assert judged[0]["quick"]["metrics"] == pytest.approx(judged[1]["quick"]["metrics"], abs=1e-5)
    heads = [load_file(run / "trials" / "frozen" / "fitted" / "head.safetensors")["weight"] for run in (with_them, without)]
    assert not np.array_equal(heads[0], heads[1])
    before = load_file(with_them / "trials" / "frozen" / "fitted" / "held-out.safetensors")["weight"]
    assert np.array_equal(before, heads[1])


def test_rows_in_turns_are_answered_by_regressions_that_had_not_seen_them() -> None:
    random = np.random.default_rng(0)
    targets, truth = np.arange(30) % 3, np.arange(20) % 3
    features, held_out = (random.normal(size=(len(of), 5)).astype(np.float32) for of in (targets, truth))
    best = best_strength([0.1], (features, targets), (held_out, truth), 3)
    before = crossed(best, (features, targets), (held_out, truth), 3, 0)
    truth[4] = (truth[4] + 1) % 3  # what the row's own answer must not know, and answers to other rows may
    after = crossed(best, (features, targets), (held_out, truth), 3, 0)
    assert (before[4] == after[4]).all()
    assert (before != after).any()


def test_another_tokenizer_beside_the_same_weights_has_other_features(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "encoder")
    before = feature_cache.identity(folder, LENGTH)
    assert feature_cache.identity(shutil.copytree(folder, tmp_path / "copy"), LENGTH) == before
    pads = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pads.enable_truncation(3)
    pads.save(str(folder / "tokenizer.json"))
    assert feature_cache.identity(folder, LENGTH) != before


def test_the_cache_knows_texts_again_after_a_tokenizer_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, texts = tiny_encoder(tmp_path / "encoder"), ["a good flight", "late"]
    pads = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pads.enable_padding(length=LENGTH)  # as sentence-transformers saves one; transformers ends it at the first use
    pads.save(str(folder / "tokenizer.json"))
    first = FrozenEncoder(folder, LENGTH)
    first.pace(texts)  # measured before anything is looked up, as with a budget
    first.features(texts)
    assert FrozenEncoder(folder, LENGTH).cached(texts)
    assert first.cached(texts)
