"""Sequence labeling as a task: the conformance kit, files of every kind, served answers, graphs equal to their modules."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import framework
from framework import InputError, Splits, Table
from framework.evaluation.module_backend import ModuleBackend
from framework.export.parity import Parity, compare_shapes
from framework.runtime.onnx import open_onnx
from framework.testing import TaskConformance
from framework_labeling import Labeling
from framework_labeling.data import prepare
from framework_labeling.module import SpanScores
from framework_labeling.shaping import shape
from framework_labeling.tagger import KIND, graph
from framework_labeling.task import LabelingTask
from framework_onnx import Onnx
from framework_onnx.export import export
from framework_text.encoder import Probabilities
from framework_text.validation import ENCODERS
from tests.server.serving import serving
from tests.tiny import LENGTH, WORDS, rows, tiny_model

LABEL = {word: label for label, words in WORDS.items() for word in words}


def tagged(count: int, seed: int = 0) -> list[tuple[list[str], list[str]]]:
    """Sentences in which the words of `WORDS` are entities."""
    sentences = [text.split() for text, _ in rows(count, seed=seed)]
    return [(words, [f"B-{LABEL[word]}" if word in LABEL else "O" for word in words]) for words in sentences]


def write_conll(path: Path, sentences: Sequence[tuple[list[str], list[str]]]) -> Path:
    blocks = ["".join(f"{word}\t{tag}\n" for word, tag in zip(*sentence, strict=True)) for sentence in sentences]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def write_spans(path: Path, sentences: Sequence[tuple[list[str], list[str]]]) -> Path:
    """JSON lines as doccano writes them: characters from and up to which a label goes."""
    with path.open("w", encoding="utf-8") as stream:
        for words, _ in sentences:
            text = " ".join(words)
            spans = [[text.index(word), text.index(word) + len(word), LABEL[word]] for word in words if word in LABEL]
            stream.write(json.dumps({"text": text, "label": spans}) + "\n")
    return path


def small(folder: Path, data: Path) -> list[str]:
    return [
        f"data.train={data}",
        f"model.name={tiny_model(folder / 'model', layers=1)}",
        f"task.max_length={LENGTH}",
        "task.overlap=4",
        "candidates.fine_tuned.attention=eager",
        "trainer.enable_progress_bar=false",
    ]


class TestConformance(TaskConformance):
    recipe = "entities"
    candidate = "fine_tuned"

    def overrides(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        return small(folder, write_conll(folder / "rows.conll", tagged(120)))


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on JSON lines of texts with spans."""
    folder = tmp_path_factory.mktemp("labeling")
    data = small(folder, write_spans(folder / "rows.jsonl", tagged(120)))
    more = ["candidates=[fine_tuned]", "candidates.fine_tuned.learning_rate=3e-3", "trainer.max_epochs=3", "export=[onnx]"]
    return framework.run_recipe("entities", *data, *more, folder=folder / "run")


def test_served_answers_name_the_characters_of_each_span(fine_tuned: Path, tmp_path: Path) -> None:
    text = "the awful flight  a  lovely crew"
    with serving(tmp_path, fine_tuned) as server:
        (answer,) = server.predict({"text": text}).json()["predictions"]
    entities = [(text[entity["start"] : entity["end"]], entity["label"]) for entity in answer["entities"]]
    assert entities == [("awful", "negative"), ("lovely", "positive")]
    assert answer["tokens"] == ["the", "awful", "flight", "a", "lovely", "crew"]


def test_a_long_text_is_answered_from_windows_to_its_end(fine_tuned: Path) -> None:
    text = "the flight " * 40 + "awful crew"
    (answer,) = framework.load(fine_tuned).predict([text])
    assert [(entity["text"], entity["start"]) for entity in answer["entities"]] == [("awful", 440)]


def test_the_sealed_file_finds_nearly_all_spans_and_its_tokens_are_those_of_transformers(fine_tuned: Path) -> None:
    manifest = framework.load(fine_tuned).manifest
    assert manifest.evaluation.candidates["fine_tuned"]["entity_f1"] > 0.95
    assert any("token ids of words equal transformers' tokenizer" in check for check in manifest.verified)


@pytest.mark.parametrize("name", ["most_frequent", "frozen"])
def test_other_candidates_ship_from_a_conll_file_without_a_known_suffix(name: str, tmp_path: Path) -> None:
    path = write_conll(tmp_path / "rows.test.annotated", tagged(100))
    backbone = f"backbone.name={tiny_model(tmp_path / 'model', layers=1)}"
    more = [f"data.train={path}", backbone, f"candidates=[{name}]", f"task.max_length={LENGTH}", "export=[onnx]"]
    run = framework.run_recipe("entities", *more, folder=tmp_path / "run")
    model = framework.load(run)
    assert model.manifest.candidate == name
    assert model.manifest.evaluation.candidates[name]["entity_f1"] > 0.9
    (answer,) = model.predict([{"tokens": ["the", "awful", "flight"]}])
    assert answer["tags"] == ["O", "B-negative", "O"]


def test_conll_columns_of_lists_and_spans_are_the_same_rows(tmp_path: Path) -> None:
    sentences = tagged(6)
    lists = tmp_path / "lists.csv"
    with lists.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("tokens", "ner_tags"), *((json.dumps(w), str(t)) for w, t in sentences)])
    files = [write_conll(tmp_path / "a.txt", sentences), lists, write_spans(tmp_path / "c.jsonl", sentences)]
    tables = [read(path) for path in files]
    assert all(table.columns["tokens"] == [words for words, _ in sentences] for table in tables)
    assert all(table.columns["tags"] == [tags for _, tags in sentences] for table in tables)


def read(path: Path) -> Table:
    from framework.data.loading import read_labelled

    return read_labelled(str(path), LabelingTask(), None, {}, {}, Labeling())[0]


def test_label_studio_and_prodigy_rows_are_read_and_declined_ones_left_out(tmp_path: Path) -> None:
    value = {"start": 4, "end": 9, "labels": ["negative"]}
    studio = [
        {"id": 1, "data": {"text": "the awful crew"}, "annotations": [{"result": [{"value": value}]}]},
        {"id": 2, "data": {"text": "the seat"}, "annotations": [{"result": [], "was_cancelled": True}]},
    ]
    (tmp_path / "studio.json").write_text(json.dumps(studio))
    span = {"start": 4, "end": 9, "label": "negative"}
    prodigy = [{"text": "the awful crew", "spans": [span], "answer": "accept"}, {"text": "no", "spans": [], "answer": "reject"}]
    (tmp_path / "prodigy.jsonl").write_text("\n".join(map(json.dumps, prodigy)))
    for name in ("studio.json", "prodigy.jsonl"):
        table = read(tmp_path / name)
        assert (table.columns["tokens"], table.columns["tags"]) == ([["the", "awful", "crew"]], [["O", "B-negative", "O"]])


def test_rows_that_cannot_be_read_are_named_with_their_file_and_line(tmp_path: Path) -> None:
    table = Table({"tokens": [["a", "b"]], "tags": [["O"]]}, [7], "rows.jsonl")
    with pytest.raises(InputError, match=r"^rows\.jsonl, line 7: 2 tokens, but 1 tags; write a tag for every token"):
        shape(table, print)
    train = Table({"tokens": [["a", "b"]], "tags": [["B-x", "O"]]}, [1], "rows.jsonl")
    odd = Table({"tokens": [["a"]], "tags": [["Q-x"]]}, [3], "test.jsonl")
    with pytest.raises(InputError, match=r"^test\.jsonl, line 3: the tags are not all written in BIO: 'Q-x'"):
        prepare(Splits(train, train, odd), Labeling())


def test_a_wrong_scheme_is_refused_when_the_recipe_is_composed(tmp_path: Path) -> None:
    from framework.recipe.compose import compose_recipe

    data = small(tmp_path, write_conll(tmp_path / "rows.conll", tagged(4)))
    with pytest.raises(InputError, match=r"task\.scheme=BOI does not exist"):
        compose_recipe("entities", [*data, "task.scheme=BOI"])


def test_a_plain_text_file_is_not_taken_for_conll(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('tokens\ttags\n["a", "b"]\t["B-x", "O"]\n\n["c"]\t["O"]\n', encoding="utf-8")
    assert read(path).columns["tokens"] == [["a", "b"], ["c"]]


def test_validation_counts_spans_as_the_answers_are_judged() -> None:
    scores = SpanScores(["O", "B-a", "I-a", "B-b", "I-b"], plain=False)
    logits = 9 * torch.eye(5)
    scores.update(logits[[1, 2, 0, 3]], torch.tensor([1, 2, 0, 1]))  # a of two words is right, the other has another label
    scores.update(torch.stack([2 * logits[0], logits[4]]), torch.tensor([0, 0]))  # no span begins with I
    values = {name: float(value) for name, value in scores.compute().items()}
    assert values == pytest.approx({"entity_f1": 1 / 2, "macro_f1": 1 / 3, "token_accuracy": 5 / 6}, abs=1e-6)


@pytest.mark.parametrize("family", ENCODERS)
def test_every_accepted_family_exports_to_an_equal_file_for_every_token(family: str, tmp_path: Path) -> None:
    from framework_text.backbones import load_model

    layers = 2 if family in ("albert", "modernbert") else 1
    network: Any = load_model(KIND, tiny_model(tmp_path / family, family, layers), num_labels=5)
    spec = graph(Probabilities(network).eval(), network.config, LENGTH, 0)
    variant = export([spec], tmp_path, Onnx(), {})
    backend = open_onnx([spec], {name: tmp_path / file for name, file in variant.files.items()})
    parity = Parity()
    compare_shapes(parity, [spec], ModuleBackend([spec]), backend)
    parity.require(family)
    assert spec.example is not None
    feeds = spec.example({"batch": 2, "sequence": 7})
    assert backend.run("labeler", feeds)["probabilities"].shape == (2, 7, 5)
    assert np.allclose(backend.run("labeler", feeds)["probabilities"].sum(-1), 1, atol=1e-5)
