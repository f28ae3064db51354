"""The summarization task: the conformance kit, and what is its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

import framework
from framework import Answers, Backend, InputError, ModuleBackend, Table, Tensors
from framework.__main__ import main
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import NoGraphs
from framework.evaluation.scoring import answer_and_score, scores_of
from framework.recipe.compose import compose_recipe
from framework.runtime.model import Model, difference
from framework.runtime.scheduler import Scheduler
from framework.testing import TaskConformance
from framework_summarization.codec import as_text, references
from framework_summarization.evaluation import evaluate
from framework_summarization.lead import LeadCodec
from framework_summarization.windows import windows
from framework_text.generation.module import Writer
from framework_text.generation.options import Writing
from framework_text.generation.rows import PromptCollator, PromptedRows
from tests.plugins.test_seq2seq import tiny
from tests.server.serving import serving
from tests.tiny import summaries, telling_apart, tiny_reader, tiny_writer, write_csv

HEADER = ("text", "summary")


def small(folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        f"data.train={write_csv(folder / 'rows.csv', summaries(), HEADER)}",
        f"model.name={tiny_writer(folder / 'model')}",
        "task.max_text=24",
        "task.max_summary=6",
        "model.attention=eager",
        "trainer.enable_progress_bar=false",
    ]


class TestConformance(TaskConformance):
    recipe = "summarization"
    overfit: ClassVar[list[str]] = ["trainer.max_epochs=200", "model.adapter=none", "model.learning_rate=1e-2"]

    def overrides(self, folder: Path) -> list[str]:
        return small(folder)


def test_a_run_leaves_an_artifact_that_writes_what_the_model_writes(tmp_path: Path) -> None:
    """The adapter is merged; every step of the file is compared with the module's; baselines stand beside the model."""
    given = [*small(tmp_path), "trainer.max_epochs=1", "export=[onnx,onnx_int4]", "export.onnx_int4.candidates=[int8 block 32]"]
    folder = framework.run_recipe(
        "summarization", *given, "export.onnx_int4.max_drop=1", "export.onnx_int4.must_help=false", folder=tmp_path / "run"
    )
    model = framework.load(folder)
    manifest = model.manifest
    assert "shipped (int8 block 32)" in manifest.variants["onnx_int4"].decision
    parity, facts = manifest.variants["onnx"].parity, manifest.model
    assert parity is not None
    assert parity.rows >= 20
    assert parity.argmax_flips == 0
    assert facts.parameters is not None
    assert cast(int, facts.details["trained parameters"]) < facts.parameters
    assert {"first_sentence", "first_three_sentences", "untuned", "writer"} == set(manifest.evaluation.candidates)
    assert {"rouge_1", "rouge_2", "rouge_l"} <= manifest.evaluation.candidates["writer"].keys()
    long, short = model.predict([{"text": "the lovely flight " * 40, "windows": 1}, "the lovely flight"])
    assert (long["text_was_cut"], short["text_was_cut"]) == (True, False)
    assert model.predict(["the lovely flight"]) == [short]  # alone as in company
    with pytest.raises(InputError, match="request 1: a request is a text"):
        model.predict([7])
    assert 0 <= cast(float, facts.details["padding"]) <= 0.05
    with serving(tmp_path / "served", folder) as server, ThreadPoolExecutor(4) as pool:
        texts = ["the lovely flight", "the awful seat door", "the blue bag " * 50, "the door"]
        answers = pool.map(server.predict, texts)  # at once: they join each other's runs
        assert [answer.json()["predictions"][0] for answer in answers] == model.predict(texts)
    checkpoint = folder / "trials" / "writer" / "checkpoints" / "last.ckpt"
    names = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert names
    assert all("lora_" in name for name in names)  # the backbone is not stored again


def test_an_encoder_decoder_model_learns_what_it_shall_write(tmp_path: Path) -> None:
    """The text goes into the encoder behind T5's prefix; what the artifact writes is what transformers generates."""
    given = [*small(tmp_path), f"model.name={tiny_reader(tmp_path / 't5')}", "trainer.max_epochs=1", "task.beams=2"]
    folder = framework.run_recipe("summarization", *given, folder=tmp_path / "run")
    model = framework.load(folder)
    variant, facts = model.manifest.variants["onnx"], model.manifest.model
    assert set(variant.files) == {"encoder", "decoder"}
    assert variant.parity is not None
    assert variant.parity.shapes > 40
    assert not model.codec.interface().is_argmax  # with two beams no argmax is the answer
    assert facts.parameters is not None
    assert cast(int, facts.details["trained parameters"]) < facts.parameters
    tuned, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder / "torch"), AutoTokenizer.from_pretrained(folder / "torch")
    texts = ["the lovely flight", "the awful seat door window", "blue"]
    for text, answer in zip(texts, model.predict(texts), strict=True):
        source = tokenizer(f"summarize: {text}", return_tensors="pt")
        tokens = tuned.generate(**source, max_new_tokens=6, num_beams=2, do_sample=False)[0]
        assert answer["summary"] == tokenizer.decode(tokens, skip_special_tokens=True)
        assert answer["complete"] == (1 in tokens)
    halves = ["the lovely flight " * 8, "the awful seat " * 8]
    whole = model.predict(["".join(halves)])[0]
    assert whole["summary"] == " ".join(answer["summary"] for answer in model.predict(halves) if answer["summary"])
    assert whole["windows"] == 2
    model.predict([{"text": "blue", "temperature": 2.0, "seed": 3}])  # drawn instead of searched


@pytest.fixture(scope="module")
def untuned(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """It learned for a step: what it writes fills the limit of 6 tokens."""
    folder = tmp_path_factory.mktemp("untuned")
    return framework.load(framework.run_recipe("summarization", *small(folder), "trainer.max_steps=1", folder=folder / "run"))


def test_a_long_text_is_summarized_window_by_window(untuned: Model) -> None:
    pieces = [f"the {one} " * 12 for one in ("lovely", "awful", "blue", "car", "meal", "door", "bag", "seat", "crew")]
    alone = untuned.predict(pieces)
    assert [answer["windows"] for answer in alone] == [1] * 9
    joined = untuned.predict(["".join(pieces[:3])])[0]
    assert joined["summary"] == " ".join(answer["summary"] for answer in alone[:3])
    assert (joined["windows"], joined["text_was_cut"]) == (3, False)
    begun = untuned.predict([{"text": "".join(pieces[:3]), "windows": 2}])[0]
    assert begun["summary"] == " ".join(answer["summary"] for answer in alone[:2])
    assert (begun["windows"], begun["text_was_cut"]) == (2, True)


def test_summaries_of_windows_that_fill_another_are_summarized_again(untuned: Model) -> None:
    pieces = [f"the {one} " * 12 for one in ("lovely", "awful", "blue", "car", "meal", "door", "bag", "seat", "crew")]
    first = " ".join(answer["summary"] for answer in untuned.predict(pieces[:8]))
    assert len(first.split()) > 24
    again = untuned.predict([first])[0]
    whole, longer = untuned.predict(["".join(pieces[:8]), "".join(pieces)])
    assert again["windows"] > 1
    assert whole == {**again, "windows": 8 + again["windows"]}
    assert longer == {**whole, "text_was_cut": True}  # of nine windows eight are read


def test_windows_are_nearly_equal_and_end_with_sentences_where_they_can() -> None:
    text = "One two three. Four five. Six seven eight nine ten eleven. Twelve."
    ends = [found.end() for found in re.finditer(r"\w+|\.", text)]
    assert windows(text, ends, 16, 8) == [(0, 16)]
    assert windows(text, ends, 10, 8) == [(0, 7), (7, 16)]  # after "Four five."
    assert windows(text, ends, 5, 8) == [(0, 4), (4, 7), (7, 12), (12, 16)]
    assert windows(text, ends, 5, 2) == [(0, 4), (4, 7)]
    assert windows(text, ends, 5, 1) == [(0, 5)]
    assert windows("", [], 5, 8) == [(0, 0)]


def test_windows_take_a_whole_text_wherever_its_sentences_end_if_they_have_room_for_it() -> None:
    random = np.random.default_rng(0)
    for count in range(100, 513, 7):
        words = ["w. " if ends else "w " for ends in random.random(count) < 0.1]
        found = windows("".join(words), np.cumsum([len(word) for word in words]).tolist(), 64, 8)
        assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
        assert found[-1][1] == count
        assert len(found) <= 8
        assert max(end - begin for begin, end in found) <= 64


def test_summaries_longer_than_their_texts_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exchanged = [*small(tmp_path), "data.text=summary", "data.summary=text"]
    with _Kit().run(tmp_path / "more", *exchanged) as (run, splits):
        said = [section.note for section in run.task.prepare(splits, run.options).sections()]
    assert any("training summaries are longer than their texts; are the columns exchanged?" in note for note in said)
    assert main(["check", "recipe=summarization", *exchanged]) == 0
    assert "summaries are longer than their texts" in capsys.readouterr().out


def test_a_request_says_how_tokens_are_chosen(untuned: Model) -> None:
    def summary(**asked: Any) -> str:
        return str(untuned.predict([{"text": "the lovely flight", **asked}])[0]["summary"])

    assert summary(temperature=1.0, seed=1) == summary(temperature=1.0, seed=1)
    assert len({summary(temperature=2.0, seed=seed) for seed in range(5)}) > 1
    assert summary(temperature=1.0, seed=1, top_k=1) == summary(temperature=1.0, top_p=0.001) == summary()
    assert summary(repetition_penalty=10.0) != summary()
    assert summary().startswith(summary(max_tokens=2))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"max_tokens": 0}, "max_tokens=0 must be an integer from 1 to 6"),
        ({"max_tokens": 10**9}, "max_tokens=1000000000 must be an integer from 1 to 6"),
        ({"max_tokens": True}, "max_tokens=True must be an integer"),
        ({"temperature": -1}, "temperature=-1 must be a number from 0 to 10"),
        ({"top_p": 0}, "top_p=0 must be a number from 0.001 to 1"),
        ({"seed": "x"}, "seed=x must be an integer"),
        ({"windows": 0}, "windows=0 must be an integer from 1 to 8"),
        ({"windows": 9}, "windows=9 must be an integer from 1 to 8"),
    ],
)
def test_requests_that_cannot_be_answered_are_explained(untuned: Model, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        untuned.predict([{"text": "the flight", **asked}])


class _Kit(TaskConformance):
    recipe = "summarization"

    def overrides(self, folder: Path) -> list[str]:
        return small(folder)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_encoder_decoder_models_are_held_to_generate_in_each_run(tmp_path: Path, family: str) -> None:
    given = [f"model.name={telling_apart(tiny_reader(tmp_path / family, family))}", "trainer.max_steps=2"]
    with _Kit().run(tmp_path, *given) as (run, splits):
        opened = _Kit().fit(run, splits)
        codec, refer = opened.codec(), opened.fitted.references
        assert refer is not None
        references = refer(requests_of(run.task, codec, splits.validation))
        scheduler = Scheduler(codec, ModuleBackend(opened.graphs), opened.graphs)
        found = scheduler.answer([request for request, _ in references])
    assert found == [expected for _, expected in references]
    assert {answer["text_was_cut"] for answer in found} == {True, False}
    assert len({answer["summary"] for answer in found}) > 1


def test_it_trains_in_bf16_where_lightning_would_not_clip(tmp_path: Path) -> None:
    given = [*small(tmp_path), "trainer.max_steps=2", "trainer.precision=bf16-mixed"]
    folder = framework.run_recipe("summarization", *given, folder=tmp_path / "run")
    training = framework.load(folder).manifest.model.training
    assert training is not None
    assert training.precision == "bf16-mixed"


def test_exporters_that_cannot_take_a_cache_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    given = small(tmp_path)
    with pytest.raises(InputError, match=r"export=onnx_int8 measures activations.*write export=\[onnx,onnx_int4\]"):
        compose_recipe("summarization", [*given, "export=[onnx,onnx_int8]"])
    with pytest.raises(InputError, match="'int5 block 32' is none; write int4 or int8, block and"):
        compose_recipe("summarization", [*given, "export=[onnx,onnx_int4]", "export.onnx_int4.candidates=[int5 block 32]"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.adapter=dora", "model.adapter=dora: write one of lora, adalora, none"),
        ("task.max_summary=0", "must be at least 1"),
        ("model.batch_size=0", "must be at least 1"),
        ("model.rows=0", "model.rows=0 must be at least 1"),
        ("model.learning_rate=3", "must lie between 0 and 1"),
        ("task.windows=0", "task.windows=0 must be at least 1"),
        ("task.beams=0", "task.beams=0 must lie between 1 and 16"),
        ("task.repetition_penalty=0", "must be above 0, where 1 changes nothing"),
        ("task.max_text=1000", "must lie between 3 and 128, the most this backbone reads"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_trained(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        framework.run_recipe("summarization", *small(tmp_path), override, folder=tmp_path / "run")


def test_the_loss_counts_answers_alone(tmp_path: Path) -> None:
    """Other tokens of a prompt change the loss only through what the model reads, not by being predicted themselves."""
    model = AutoModelForCausalLM.from_pretrained(tiny_writer(tmp_path)).eval()
    batch = PromptCollator(0)([*(PromptedRows([[2, 5, 6, 7], [2, 8]], [[9, 10, 3], [11, 3]])[i] for i in range(2))])
    found = functional.cross_entropy(*Writer(model, Writing())(batch))
    with torch.no_grad():
        expected = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
    assert (batch["labels"] != -100).sum() == 5
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_the_loss_of_an_encoder_decoder_model_is_that_of_transformers(family: str) -> None:
    model = tiny(family)
    rows = PromptedRows([[5, 6, 7, 1], [8, 1]], [[9, 10, 1], [11, 12, 13, 14, 1]])
    batch = PromptCollator(0, apart=True)([rows[0], rows[1]])
    with torch.no_grad():
        found = functional.cross_entropy(*Writer(model, Writing())(batch))
        torch.testing.assert_close(found, model(**batch).loss)


def test_several_references_and_texts_in_sentences_are_json_lists() -> None:
    assert references(json.dumps(["one", "two"])) == ["one", "two"]
    assert references("[not json") == ["[not json"]
    assert as_text(json.dumps(["One. ", "Two."])) == "One. Two."
    table = Table({"text": ["x"], "summary": [json.dumps(["nothing of it", "a b c d"])]}, [2], "rows.csv")
    metrics = evaluate([{"summary": "a b c", "complete": True}], table).metrics
    assert metrics["rouge_1"] == pytest.approx(6 / 7)  # precision 1, recall 3/4
    assert metrics["rouge_l"] == pytest.approx(6 / 7)
    assert metrics["rouge_2"] == pytest.approx(0.8)  # 2 of 2, 2 of 3


def test_leads_are_the_first_sentences() -> None:
    text = "One is here. Two is here! Is three? Four."
    for count, expected in ((1, "One is here."), (3, "One is here. Two is here! Is three?")):
        codec = LeadCodec({"sentences": count}, Path())
        (answer,) = Scheduler(codec, NoGraphs(), ()).answer([codec.parse(text)])
        assert answer == {"summary": expected, "complete": True, "text_was_cut": False, "windows": 1}


def test_nested_columns_of_json_lines_go_by_both_names(tmp_path: Path) -> None:
    rows = [
        {"id": f"p{i}", "sentences": {"abstract": [text]}, "summary": {"outcome": label}}
        for i, (text, label) in enumerate(summaries())
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    columns = [f"data.train={path}", "data.text=sentences.abstract", "data.summary=summary.outcome"]
    settings = [one for one in small(tmp_path) if not one.startswith("data.train")]
    folder = framework.run_recipe("summarization", *columns, *settings, "trainer.max_steps=1", folder=tmp_path / "run")
    assert framework.load(folder).manifest.data.columns == {"text": "sentences.abstract", "summary": "summary.outcome"}


class Reading:
    """A backend that counts the rows that begin, in each graph."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.begun: Counter[str] = Counter()

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        fresh = feeds["past_mask"].sum(1) == 0 if "past_mask" in feeds else np.ones(len(feeds["input_ids"]))
        self.begun[graph] += int(fresh.sum())
        return self.backend.run(graph, feeds)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("family", ["llama", "t5"])
def test_a_prompt_is_read_once_for_the_answer_and_for_how_likely_the_given_one_is(
    tmp_path: Path, family: str, beams: int
) -> None:
    name = [] if family == "llama" else [f"model.name={telling_apart(tiny_reader(tmp_path / family, family))}"]
    with _Kit().run(tmp_path, *name, "task.max_summary=20", f"task.beams={beams}", "trainer.max_steps=2") as (run, splits):
        opened = _Kit().fit(run, splits)
        backend = Reading(ModuleBackend(opened.graphs))
        scheduler = Scheduler(opened.codec(), backend, opened.graphs)
        rows = splits.train.take(range(12))
        long = [f"{text} " * 30 if row % 4 == 0 else text for row, text in enumerate(rows.texts("text"))]  # of several windows
        rows = replace(rows, columns={**rows.columns, "text": long})
        requests, targets = requests_of(run.task, scheduler.codec, rows), run.task.targets(rows)
        together = Answers(scheduler.codec, *answer_and_score(scheduler, requests, targets)).merged()
        begun, backend.begun = backend.begun, Counter()
        answers = scheduler.answer(requests)
        answered, backend.begun = backend.begun, Counter()
        scores = scores_of(scheduler, requests, targets)
    for one, answer, score in zip(together, answers, scores, strict=True):
        assert difference(one, {**answer, **score}) < 1e-3
    several = sum(answer["windows"] > 1 for answer in answers)
    assert several
    for graph, count in begun.items():
        assert backend.begun[graph] == len(rows)
        assert 0 <= count - answered[graph] <= several  # a window may end elsewhere than the text is cut for learning
