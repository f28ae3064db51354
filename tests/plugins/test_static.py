"""Static token vectors: distilled once, weighed by rarity, answered by a graph that equals scikit-learn, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.special import softmax

import framework
from framework import Budget, InputError
from framework.recipe.compose import compose_recipe
from framework.testing import TaskConformance
from framework_classification.static import Static, StaticFit, by_frequency, fit, sif_weights, token_counts
from framework_classification.static_graph import onnx_model
from framework_text import feature_cache, token_features
from framework_text.features import FrozenEncoder
from framework_text.options import Backbone, StaticVectors
from framework_text.token_features import TokenFeatures
from tests.server.serving import serving
from tests.tiny import LENGTH, THINGS, WORDS, rows, tiny_model, write_csv

ROWS, VOCABULARY, WIDTH, CLASSES = 60, 12, 6, 3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recipe-framework" / "features"


class TestConformance(TaskConformance):
    recipe = "sentiment"
    candidate = "static"
    trains = False
    overfit: ClassVar[list[str]] = []

    def overrides(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            f"data.train={write_csv(folder / 'rows.csv', rows())}",
            "candidates=[static]",
            f"model.name={tiny_model(folder / 'model', layers=1)}",
            f"task.max_length={LENGTH}",
            "export=[onnx]",
            "trainer.enable_progress_bar=false",
        ]

    def test_without_time_only_the_most_frequent_tokens_have_a_vector(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(token_features, "CHUNK", 8)
        with self.run(tmp_path) as (run, splits):
            fitted = self.fit(run, splits, budget=Budget(0.0))
            assert fitted.fitted.facts.details["tokens with a vector"] == 8
            assert "8 of the " in capsys.readouterr().out
            whole = self.fit(run, splits)
        assert int(str(whole.fitted.facts.details["tokens with a vector"])) > len(THINGS)


def example(classes: int = CLASSES, dimensions: int = 4, unseen: int = 0) -> tuple[StaticFit, list[list[int]], np.ndarray]:
    """A classifier of texts of random tokens, in which one token tells the class; token 0 is special, 11 has no vector."""
    random = np.random.default_rng(0)
    targets = np.arange(ROWS) % classes
    texts = [[0, int(target) + 1, *random.integers(4, VOCABULARY, random.integers(1, 5)).tolist()] for target in targets]
    features = random.normal(size=(VOCABULARY - 2, WIDTH)).astype(np.float32)
    train, validation = ((counted(texts[part]), targets[part]) for part in (slice(ROWS // 2), slice(ROWS // 2, None)))
    tokens = np.arange(1, VOCABULARY - 1)
    return (
        fit(tokens, features, train, validation, classes + unseen, StaticVectors(Backbone(), dimensions), Budget()),
        texts,
        targets,
    )


def counted(texts: Sequence[Sequence[int]]) -> csr_matrix:
    tokens = np.concatenate([np.asarray(text) for text in texts])
    counts: csr_matrix = token_counts(tokens, np.array(list(map(len, texts))), VOCABULARY)
    return counts


def answers(static: Static, texts: Sequence[Sequence[int]], temperature: float = 1.0) -> np.ndarray:
    """The graph's probabilities of texts in one batch, padded with a token that has a vector."""
    model = onnx_model(static, temperature)
    onnx.checker.check_model(model, full_check=True)
    ids, mask = np.full((len(texts), max(map(len, texts))), 5), np.zeros((len(texts), max(map(len, texts))), np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    session = onnxruntime.InferenceSession(model.SerializeToString())
    probabilities: np.ndarray = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return probabilities


@pytest.mark.parametrize("dimensions", [2, 4], ids=["vectors and a head", "vectors of classes"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_graph_gives_scikit_learns_probabilities(classes: int, dimensions: int) -> None:
    static, texts, targets = example(classes, dimensions)
    assert (static.classifier.head is None) == (classes <= dimensions)
    expected = static.regression.predict_proba(static.means)
    assert np.abs(answers(static.classifier, texts[ROWS // 2 :]) - expected).max() < 1e-5
    tempered = softmax(np.log(expected) / 2.5, axis=-1)
    assert np.abs(answers(static.classifier, texts[ROWS // 2 :], 2.5) - tempered).max() < 1e-5
    assert np.abs(softmax(static.classifier.logits(counted(texts[ROWS // 2 :])), axis=-1) - expected).max() < 1e-5
    assert dimensions == 2 or (expected.argmax(1) == targets[ROWS // 2 :]).mean() > 1.2 / classes


def test_a_text_without_a_token_that_has_a_vector_is_answered_by_the_bias() -> None:
    static = example()[0].classifier
    expected = softmax(static.bias)
    assert np.abs(answers(static, [[0], [11, 0, 11]]) - expected).max() < 1e-6
    assert (answers(static, [[0, 1, 11]]) == answers(static, [[1]])).all()


def test_a_class_without_training_rows_has_probability_0() -> None:
    static, texts, _ = example(unseen=1)
    assert not answers(static.classifier, texts)[:, CLASSES].any()


def test_weights_are_those_of_smooth_inverse_frequency() -> None:
    counts = counted([[0, 1, 1, 1], [0, 1, 2]])
    weights = sif_weights(counts, np.array([1, 2, 3]), 1e-3)
    assert weights == pytest.approx([1e-3 / (1e-3 + 4 / 5), 1e-3 / (1e-3 + 1 / 5), 1.0])
    assert by_frequency(counts, range(1, 5)).tolist() == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("backbone"))


def test_a_token_is_read_as_a_text_of_its_own(backbone: Path) -> None:
    encoder = FrozenEncoder(backbone, LENGTH)
    ids = encoder.tokenizer.convert_tokens_to_ids(THINGS[:3])
    tokens, features = TokenFeatures(encoder, backbone).read(ids, float("inf"))
    assert tokens.tolist() == ids
    assert np.abs(features - encoder.features(THINGS[:3])).max() < 0.01  # float16


def test_tokens_are_read_once_for_all_runs_and_the_cache_grows(
    backbone: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_features, "CHUNK", 4)
    first, encoder = range(5, 15), FrozenEncoder(backbone, LENGTH)
    tokens, features = TokenFeatures(encoder, backbone).read(first, 0.0)
    assert tokens.tolist() == [5, 6, 7, 8]  # the first chunk is always read
    again = FrozenEncoder(backbone, LENGTH)
    assert (TokenFeatures(again, backbone).read(tokens, 0.0)[1] == features).all()
    assert "module" not in vars(again)  # its weights were not loaded
    more, grown = TokenFeatures(again, backbone).read([*range(10, 20), *tokens], float("inf"))
    assert more.tolist() == [*range(10, 20), *tokens]
    assert (grown[-4:] == features).all()
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert np.allclose(TokenFeatures(again, backbone).read(tokens, 0.0)[1], features, atol=0.01)
    assert feature_cache.stored_tokens(file.stem).keys() == set(encoder.tokenizer.convert_ids_to_tokens(tokens.tolist()))


def synonyms(folder: Path) -> Path:
    """A tiny backbone in which the words of a label have nearly the same embedding."""
    from transformers import AutoModel, AutoTokenizer

    tiny_model(folder, layers=1)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        for number, words in enumerate(WORDS.values()):
            rows = tokenizer.convert_tokens_to_ids(words)
            table[rows] = 0.01 * table[rows] + 3 * torch.sin(torch.arange(table.shape[1]) * (number + 1.0))
    model.save_pretrained(folder)
    return folder


BLOCKED = """
import json, sys
sys.modules |= dict.fromkeys(["torch", "transformers", "pytorch_lightning", "sklearn", "scipy"])
import framework
print(json.dumps(framework.load(sys.argv[1]).predict(json.loads(sys.argv[2]))))
"""


def test_it_wins_where_words_are_new_but_not_their_meaning_and_its_artifact_is_served(tmp_path: Path) -> None:
    def file(name: str, count: int, words: slice, seed: int) -> Path:
        return write_csv(tmp_path / f"{name}.csv", rows(count, {k: v[words] for k, v in WORDS.items()}, seed))

    parts = {"train": (90, slice(3), 0), "validation": (60, slice(3, None), 1), "test": (60, slice(3, None), 2)}
    run = framework.run_recipe(
        "sentiment",
        *(f"data.{name}={file(name, *part)}" for name, part in parts.items()),
        "candidates=[linear,static]",
        f"model.name={synonyms(tmp_path / 'model')}",
        f"task.max_length={LENGTH}",
        "export=[onnx]",
        "tracker=none",
        folder=tmp_path / "run",
    )
    manifest = json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))
    assert manifest["candidate"] == "static"
    scores = {name: metrics["accuracy"] for name, metrics in manifest["evaluation"]["candidates"].items()}
    assert scores["static"] > 0.95 > 0.7 > scores["linear"]
    texts = ["the kind-hearted flight", f"the {WORDS['positive'][4]} flight", "ВСЁ 好的", ""]
    answered = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(run), json.dumps(texts)], capture_output=True, text=True, check=True
    )
    responses = json.loads(answered.stdout.splitlines()[-1])
    assert responses[1]["label"] == "positive"
    with serving(tmp_path / "served", run) as server:
        assert [one["label"] for one in server.predict(*texts).json()["predictions"]] == [one["label"] for one in responses]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("candidates.static.dimensions=0", r"candidates\.static\.dimensions=0 must be at least 1, such as 256"),
        ("candidates.static.encode_minutes=0", r"encode_minutes=0\.0 must be above 0; null reads every token"),
        ("candidates.static.smoothing=-1", r"smoothing=-1\.0 must be above 0, such as 0\.001; null chooses one"),
        ("candidates.static.dimension=8", "dimension"),
        ("model.dimensions=wide", "dimensions"),
    ],
)
def test_options_that_cannot_be_are_refused(setting: str, problem: str, csv_file: Path) -> None:
    with pytest.raises(InputError, match=problem):
        compose_recipe("sentiment", [f"data.train={csv_file}", "candidates=[static]", setting])
