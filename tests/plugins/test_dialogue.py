"""The dialogue task: the conformance kit, a run from conversations to a chat, and what is its own."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
from torch.nn import Module
from torchmetrics.functional.text import rouge_score
from transformers import AutoModelForCausalLM, AutoTokenizer

import framework
from framework import InputError, ModuleBackend, Table
from framework.evaluation.judge import requests_of
from framework.runtime.scheduler import Scheduler
from framework.testing import TaskConformance
from framework_dialogue.codec import DialogueCodec
from framework_dialogue.conversations import history_of
from framework_dialogue.data import answers
from framework_dialogue.evaluation import evaluate
from framework_dialogue.prompting import other_prompts
from framework_text.generation import fitting
from framework_text.generation.decoding import Sampling
from framework_text.generation.module import WriterBatches
from framework_text.generation.overlap import distinct, rouge, words
from framework_text.generation.templates import PLAIN, Template, frozen
from framework_text.tokenizer import write_tokenizer
from tests.tiny import rows as rows_of
from tests.tiny import telling_apart, tiny_reader, tiny_writer, write_csv, write_dialogues


def small(folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [
        f"data.train={write_dialogues(folder / 'dialogues.jsonl')}",
        f"model.name={tiny_writer(folder / 'model')}",
        "task.max_context=40",
        "task.max_answer=6",
        "model.attention=eager",
        "trainer.enable_progress_bar=false",
    ]


class TestConformance(TaskConformance):
    recipe = "dialogue"
    overfit: ClassVar[list[str]] = ["trainer.max_epochs=60", "model.adapter=none", "model.learning_rate=1e-2"]

    def overrides(self, folder: Path) -> list[str]:
        return small(folder)

    def test_a_training_ended_by_time_is_repeated_exactly_by_what_the_run_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def learned(name: str, *settings: str) -> tuple[str, int, dict[str, Any]]:
            with self.run(tmp_path / name, *settings) as (run, splits):
                opened = self.fit(run, splits)
                rows, graph = opened.fitted.facts.rows, opened.graphs[0]
                assert rows is not None
                assert isinstance(graph.source, Module)
                return (run.folder.path / "run.log").read_text("utf-8"), rows, graph.source.state_dict()

        monkeypatch.setattr(fitting, "VALIDATED", 3)
        judged = mock.Mock(wraps=WriterBatches)
        monkeypatch.setattr(fitting, "WriterBatches", judged)
        log, rows, weights = learned("cut", "model.minutes=0.0001", "model.epochs=100")
        assert len(judged.call_args.args[1]) == 3  # of the validation rows, as many as time is planned for
        (repeats,) = re.findall("to repeat them exactly: (.*)", log)
        _, again, same = learned("again", repeats)
        assert again == rows
        assert all((same[name] == weights[name]).all() for name in weights)


def test_a_run_leaves_a_model_that_answers_as_transformers_does(tmp_path: Path) -> None:
    """Its answers are held to `generate`, step by step and by likelihood; baselines stand beside it."""
    folder = framework.run_recipe("dialogue", *small(tmp_path), "trainer.max_epochs=1", folder=tmp_path / "run")
    model = framework.load(folder)
    parity = model.manifest.variants["onnx"].parity
    assert parity is not None
    assert parity.references == 20
    assert parity.ties <= 1
    assert parity.steps > 20
    scores = model.manifest.evaluation.candidates
    assert set(scores) == {"retrieval", "untuned", "writer"}
    assert scores["writer"]["perplexity"] < scores["untuned"]["perplexity"]
    assert "perplexity" not in scores["retrieval"]
    assert "chat template" in model.manifest.model.details
    alone = model.predict(["the lovely flight"])[0]
    again = model.predict([{"messages": [{"role": "user", "content": "the lovely flight"}]}, "the awful crew"])
    assert again[0] == alone
    assert alone["completion_tokens"] <= 6


def test_texts_for_prompts_come_from_the_same_code_with_columns_of_their_own(tmp_path: Path) -> None:
    rows = [(f"the {label}", json.dumps([text, label]), text) for text, label in rows_of(60)]
    write_csv(tmp_path / "copy.csv", [(f"{text}", as_list) for _, as_list, text in rows], ("topic", "article"))
    drawn = ["task.temperature=0.9", "task.repetition_penalty=1.3"]  # rows are judged and proven with a seed
    given = [f"data.train={tmp_path / 'copy.csv'}", *small(tmp_path)[1:], "trainer.max_steps=2", *drawn]
    model = framework.load(framework.run_recipe("generation", *given, folder=tmp_path / "run"))
    assert model.manifest.data.columns == {"prompt": "topic", "text": "article"}
    assert model.manifest.metric.name == "rouge_l"
    asked = model.predict([{"prompt": "the lovely flight", "seed": 3}, {"messages": said("the lovely flight"), "seed": 3}])
    assert asked[0] == asked[1]


SETTINGS: dict[str, Any] = {
    "max_context": 24, "max_answer": 6, "system": None, "roles": {}, "sampling": {}, "end_ids": [3],
    "decoder_ids": None, "prefix_ids": [], "suffix_ids": [], "answer_prefix_ids": [], "forced_token_count": 0,
}  # fmt: skip


@pytest.fixture
def codec(tmp_path: Path) -> DialogueCodec:
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(tmp_path / "model"))
    write_tokenizer(tokenizer, None, tmp_path)
    return DialogueCodec({**frozen(tokenizer), **SETTINGS}, tmp_path)


def said(*contents: str) -> list[Any]:
    return [{"role": ("user", "assistant")[turn % 2], "content": content} for turn, content in enumerate(contents)]


def test_the_oldest_turns_leave_a_full_window_and_the_system_message_stays(codec: DialogueCodec) -> None:
    flight, bag = "the lovely flight", "the awful bag"
    whole = codec.prompt(said(flight))
    assert (whole.dropped, whole.shortened) == (0, 0)
    messages = [{"role": "system", "content": "the crew"}, *said(bag, bag, bag, bag, flight)]
    full = codec.prompt(messages)
    assert (full.dropped, full.shortened) == (2, 0)
    assert len(full.ids) <= 24
    text = codec.tokenizer.decode(full.ids)
    assert "crew" in text
    assert text.endswith(codec.tokenizer.decode(whole.ids[1:]))
    alone = codec.prompt(said("the door " * 50 + "window"))
    assert len(alone.ids) <= 24
    assert alone.shortened == 1
    assert "window" in codec.tokenizer.decode(alone.ids)  # of one that is too long, the end is read


@pytest.mark.parametrize(
    ("system", "user", "stays", "goes", "shortened"),
    [
        ("crew " + "the " * 30 + "meal", "the lovely flight", ["crew", "the lovely flight"], ["meal"], 1),
        ("crew " * 3, "door " + "the " * 40 + "window", ["crew crew crew", "window"], ["door"], 1),
        ("crew " + "the " * 30 + "meal", "door " + "the " * 40 + "window", ["crew", "window"], ["door", "meal"], 2),
        ("crew " * 3, "the lovely flight", ["crew crew crew", "the lovely flight"], [], 0),
    ],
)
def test_a_long_system_message_leaves_half_of_the_window_to_the_question(
    codec: DialogueCodec, system: str, user: str, stays: list[str], goes: list[str], shortened: int
) -> None:
    prompt = codec.prompt([{"role": "system", "content": system}, *said(user)])
    assert 10 < len(prompt.ids) <= 24
    assert prompt.shortened == shortened
    text = codec.tokenizer.decode(prompt.ids)
    assert all(words in text for words in stays)
    assert not any(words in text for words in goes)


def test_what_clients_send_back_is_taken_as_training_has_it(codec: DialogueCodec) -> None:
    asked = {"messages": said("hello", "hi", "so")}
    greeted = [{"role": "assistant", "content": "welcome"}, *said("hello", "hi", "so")]
    system = {"role": "system", "content": "the crew"}
    assert codec.parse({"messages": greeted}) == asked
    assert codec.parse({"messages": [system, *greeted]}) == {"messages": [system, *asked["messages"]]}
    assert codec.parse({"messages": said("hello", " ", "so")}) == {"messages": said("hello\nso")}  # an answer of nothing
    late = {"role": "developer", "content": "in brief"}
    instructed = [{"role": "system", "content": "the crew\nin brief"}, *asked["messages"]]
    for messages in ([system, *said("hello", "hi"), late, *said("so")], [system, *said("hello", "hi", "so"), late]):
        assert codec.parse({"messages": messages}) == {"messages": instructed}
        assert history_of(messages, {}) == instructed
    assert codec.parse({"messages": said("hello", "")}) == {"messages": said("hello")}
    parts = [{"type": "text", "text": "hello"}, {"type": "text", "text": "so"}]
    assert codec.parse({"messages": [{"role": "user", "content": parts}]}) == {"messages": said("hello\nso")}


def picture(kind: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, {"type": kind, kind: {"url": "data:,"}}]}]


CALL = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"messages": []}, "at least one"),
        ({"messages": said("hello", "hi")}, "the last message is the assistant's"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "unknown role 'robot'; roles are system, user, assistant"),
        ({"messages": said("hello", "hi", " ")}, r"message 3 \(user\) is empty"),
        ({"messages": said("\ud800 hello")}, r"message 1 \(user\) is not valid Unicode"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "nobody asks"),
        ({"messages": picture("image_url")}, r"message 1 holds a picture of the type 'image_url'; this model reads text alone"),
        ({"messages": picture("input_audio")}, "message 1 holds a sound of the type 'input_audio'"),
        ({"messages": picture("file")}, "message 1 holds a file of the type 'file'"),
        (
            {"messages": [*said("hello"), CALL]},
            r"message 2 \(assistant\) calls a tool \(tool_calls\); this model is offered no tools",
        ),
        ({"messages": [*said("hello"), {**CALL, "content": None}]}, r"message 2 \(assistant\) calls a tool"),
        (
            {"messages": [*said("hello"), {"role": "tool", "content": "{}"}]},
            r"message 2 is a tool's \(tool\); this model is offered",
        ),
        ({"messages": [*said("hello"), {"role": "function", "content": "{}"}]}, r"message 2 is a tool's \(function\)"),
        ({"messages": said("hello"), "max_tokens": 0}, "max_tokens=0 must be an integer of at least 1"),
        ({"messages": said("hello"), "temperature": "hot"}, "temperature=hot must be a number from 0 to 10"),
        ({"messages": said("hello"), "stop": ["a", ""]}, "none empty"),
        ({"messages": said("hello"), "topp": 1}, "unknown key 'topp'.*top_p"),
        ({"message": said("hello")}, "messages"),
        (7, "a request is a message"),
    ],
)
def test_requests_that_cannot_be_answered_are_explained(codec: DialogueCodec, request_: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec.parse(request_)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.max_answer=0", "at least 1"),
        ("task.roles={advisor: helper}", "write system, user, assistant or none"),
        ("task.temperature=-1", "must not be negative"),
        ("model.adapter=none+", "write one of lora, adalora, none"),
        ("task.max_context=123", r"task.max_context \+ task.max_answer = 129 must lie between 3 and 128"),
        ("task.max_context=122", "make 129 tokens with what stands around them, and this backbone takes 128"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_trained(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        framework.run_recipe("dialogue", *small(tmp_path), override, folder=tmp_path / "run")


def test_templates_run_in_a_sandbox_and_say_what_they_refuse() -> None:
    spy = Template("{{ messages.__class__.__mro__ }}", {})
    with pytest.raises(InputError, match="chat template"):
        spy.render(said("hello"))
    strict = Template("{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}ok", {})
    with pytest.raises(InputError, match="no system"):
        strict.render([{"role": "system", "content": "x"}, *said("hello")])


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_what_stands_around_an_answer_follows_from_the_template(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(tmp_path))
    plain = frozen(tokenizer)
    assert (plain["template"], plain["answer_prefix"], plain["end_id"], plain["own_template"]) == (
        PLAIN,
        " ",
        tokenizer.eos_token_id,
        False,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    own = frozen(tokenizer)
    assert (own["answer_prefix"], own["end_id"], own["own_template"]) == (
        "",
        tokenizer.convert_tokens_to_ids("<|im_end|>"),
        True,
    )
    tokenizer.chat_template = "{% for m in messages if m.role != 'system' %}{{ m.content }}{{ eos_token }}{% endfor %}"
    merges = frozen(tokenizer)
    assert merges["merges_system"]
    both = Template(merges["template"], merges["special_tokens"], merges["merges_system"])
    assert "be kind" in both.render([{"role": "system", "content": "be kind"}, *said("hello")])


THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if loop.last and m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DATED = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }} {% endif %}" + CHATML


@pytest.mark.parametrize(("template", "suffix"), [(THINKS, "<think>\n\n</think>\n\n"), (DATED, ""), ({"default": CHATML}, "")])
def test_prompts_are_those_of_transformers_whatever_a_template_does(tmp_path: Path, template: Any, suffix: str) -> None:
    """What stands between a prompt and an answer, an empty thought, ends the prompt; the date is that of the training."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(tmp_path))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]})
    tokenizer.chat_template = template
    write_tokenizer(tokenizer, None, tmp_path)
    settings = frozen(tokenizer)
    assert (settings["prompt_suffix"], settings["own_template"]) == (suffix, True)
    assert frozen(tokenizer, apart=True)["prompt_suffix"] == ""  # an encoder reads no beginning of an answer
    codec = DialogueCodec({**settings, **SETTINGS, "max_context": 60}, tmp_path)
    assert codec.template.render(said("hello")).endswith(f"assistant\n{suffix}")
    if settings["date"]:
        settings["date"] = "2001-02-03"
        assert Template.of(settings).render(said("hello")).startswith("03 Feb 2001 ")
    thought = codec.tokenizer.token_to_id("<think>")
    assert (thought in codec.prompt(said("hello")).ids) == bool(suffix)
    assert thought not in codec.answer("the door")
    requests = [{"messages": said("the door")}, {"messages": said("the door", "the crew", "the meal")}]
    assert other_prompts(tokenizer, {**settings, **SETTINGS}, codec, requests) == []
    other = {**settings, **SETTINGS, "template": CHATML.replace("user", "guest") + "!"}
    assert other_prompts(tokenizer, other, codec, requests) == ([] if settings["date"] else [0, 1])


def test_each_answer_of_a_dialogue_is_judged() -> None:
    table = Table({"messages": [said("a", "b", "c", "d")]}, [1], "talk.jsonl")
    found = answers(table)
    assert list(found.columns["answer"]) == ["b", "d"]
    assert [len(messages) for messages in found.records("messages")] == [1, 3]
    responses = [
        {"content": "b", "finish_reason": "stop", "nats": 2.0, "answer_tokens": 2},
        {"content": "d d", "finish_reason": "length", "nats": 0.0, "answer_tokens": 2},
    ]
    evaluation = evaluate(responses, found)
    metrics = evaluation.metrics
    assert "have 1.0 words" in evaluation.protocol  # beside the metrics: short answers score low
    assert metrics["perplexity"] == pytest.approx(math.exp(0.5))
    assert metrics["ended"] == 0.5
    assert distinct(["a b a", "a b"], 1) == pytest.approx(2 / 5)
    assert distinct(["a b a", "a b"], 2) == pytest.approx(2 / 3)


def test_any_answer_that_was_given_to_a_conversation_counts() -> None:
    """Overlap is that with the likest of them; chrf is of characters alone, as sacrebleu has it by default."""

    def judged(given: dict[str, str], *contents: str) -> tuple[float, float]:
        asked = [said(text.strip()) for text in given]
        table = Table({"messages": asked, "answer": list(given.values())}, [*range(len(given))], "talk.jsonl")
        metrics = evaluate([{"content": content, "finish_reason": "stop"} for content in contents], table).metrics
        return metrics["chrf"], metrics["rouge_l"]

    given = {"how are you": "fine thanks", "how are you ": "not so well", "who are you": "a cat"}
    assert judged(given, "not so well", "not so well", "a cat") == pytest.approx((1, 1))
    assert max(judged(given, "a cat", "a cat", "not so well")) < 0.5
    sat = {"where": "the cat sat on the mat", "hello": "hi there"}
    assert judged(sat, "the cat sat on mat", "hello there")[0] == pytest.approx(0.615789, abs=1e-5)  # what sacrebleu 2.6 says


def test_words_are_those_of_any_script() -> None:
    assert words("Don't stop_at 2nd caf\u00e9!") == ["don", "t", "stop", "at", "2nd", "caf\u00e9"]
    assert words("\u4eca\u5929hello\u597d") == ["\u4eca", "\u5929", "hello", "\u597d"]
    assert words("\u043f\u0440\u0438\u0432\u0435\u0442 \u0939\u093f\u0928\u094d\u0926\u0940") == [
        "\u043f\u0440\u0438\u0432\u0435\u0442",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
    ]
    chinese = rouge(["\u4eca\u5929\u5929\u6c14\u5f88\u597d"], [["\u4eca\u5929\u7684\u5929\u6c14\u597d"]], ["rougeL"])
    assert chinese["rougeL"] == pytest.approx(5 / 6)
    found, given = ["The cat sat on the mat, didn't it?", "U.S. grew 3.5%"], [["a cat sat on mats and didn't"], ["US grew"]]
    plain = rouge_score(found, given, rouge_keys="rouge1")["rouge1_fmeasure"]  # as torchmetrics counts English
    assert rouge(found, given, ["rouge1"])["rouge1"] == pytest.approx(float(plain))


def test_rows_of_files_ask_what_training_reads(codec: DialogueCodec) -> None:
    expected = codec.parse({"messages": said("hello")})
    assert codec.parse({"question": "hello", "answer": "not to be seen"}) == expected
    assert (
        codec.parse({"messages": json.dumps([{"from": "human", "value": "hello"}, {"from": "gpt", "value": "hi"}])}) == expected
    )


def test_what_the_template_refuses_is_the_requests_fault(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(tmp_path / "model"))
    tokenizer.chat_template = (
        "{% for m in messages %}{% if 'bag' in m.content %}{{ raise_exception('no bags') }}{% endif %}{% endfor %}x"
    )
    write_tokenizer(tokenizer, None, tmp_path)
    with pytest.raises(InputError, match="no bags"):
        DialogueCodec({**frozen(tokenizer), **SETTINGS}, tmp_path).parse("the bag")


def test_a_recipes_system_message_stands_where_a_conversation_has_none(codec: DialogueCodec) -> None:
    codec.system = "the crew"
    assert "crew" in codec.tokenizer.decode(codec.prompt(said("hello")).ids)
    own = codec.prompt([{"role": "system", "content": "the meal"}, *said("hello")])
    assert "crew" not in codec.tokenizer.decode(own.ids)


def test_sampling_of_a_request_goes_before_that_of_the_recipe(codec: DialogueCodec) -> None:
    from framework_dialogue.requests import ConversationRequest

    asked = ConversationRequest.of(codec.parse({"messages": said("hello"), "top_k": 3, "stop": "x"}), Sampling(temperature=0.7))
    assert (asked.sampling.temperature, asked.sampling.top_k, asked.sampling.stop) == (0.7, 3, ("x",))


class _Kit(TaskConformance):
    recipe = "dialogue"

    def overrides(self, folder: Path) -> list[str]:
        return small(folder)


class _Untuned(_Kit):
    candidate: ClassVar[str] = "untuned"


def test_the_backbone_is_opened_where_it_lies_and_other_weights_are_refused(tmp_path: Path) -> None:
    with _Untuned().run(tmp_path) as (run, splits):
        opened = _Untuned().fit(run, splits)
        assert not list(opened.folder.rglob("*.safetensors"))
        request = opened.codec().parse("the lovely flight")
        (answer,) = Scheduler(opened.codec(), opened.backend(), opened.graphs).answer([request])
        refer = opened.fitted.references
        assert refer is not None
        assert refer([request])[-1][1] == answer  # what `generate` writes
        other = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
        other.get_output_embeddings().weight.data *= 2.0
        other.save_pretrained(tmp_path / "model")
        with pytest.raises(InputError, match=r"model.safetensors has sha256 .*, the recipe pins"):
            run.candidates["untuned"].open(opened.folder)


@pytest.mark.parametrize("family", ["t5", "mt5", "bart", "mbart", "pegasus"])
def test_encoder_decoder_models_answer_conversations_as_generate_does(tmp_path: Path, family: str) -> None:
    given = [f"model.name={telling_apart(tiny_reader(tmp_path / family, family))}", "trainer.max_steps=2"]
    with _Kit().run(tmp_path, *given) as (run, splits):
        opened = _Kit().fit(run, splits)
        codec, refer = opened.codec(), opened.fitted.references
        assert refer is not None
        references = refer(requests_of(run.task, codec, run.task.judged(splits.validation)))
        asked = [request for request, _ in references]
        found = Scheduler(codec, ModuleBackend(opened.graphs), opened.graphs).answer(asked)
    assert found == [expected for _, expected in references]
    assert len({answer["content"] for answer in found}) > 1
    assert max(answer["dropped_messages"] for answer in found) > 0
    assert max(answer["prompt_tokens"] for answer in found) <= 40


def test_an_encoder_decoder_model_is_exported_and_holds_a_conversation(tmp_path: Path) -> None:
    given = [*small(tmp_path), f"model.name={tiny_reader(tmp_path / 't5')}", "trainer.max_epochs=1"]
    model = framework.load(framework.run_recipe("dialogue", *given, folder=tmp_path / "run"))
    variant = model.manifest.variants["onnx"]
    assert variant.parity is not None
    assert (set(variant.files), variant.parity.references) == ({"encoder", "decoder"}, 20)
    assert "perplexity" in model.manifest.evaluation.candidates["writer"]
    answers = model.predict(["the lovely flight", {"messages": said("the bag", "positive bag", "the door"), "max_tokens": 2}])
    assert [answer["dropped_messages"] for answer in answers] == [0, 0]
    assert answers[1]["completion_tokens"] <= 2
