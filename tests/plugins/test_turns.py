"""What a turn says of itself: whether it is learned, whether it calls a tool; and transcripts in the formats of chat models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framework import InputError, Table
from framework.data.loading import read_labelled
from framework_dialogue import Dialogue
from framework_dialogue.data import answers
from tests.plugins.test_conversations import DIALOGUE, TURNS, messages, read, write


def read_table(address: str) -> tuple[Table, list[str]]:
    return read_labelled(address, DIALOGUE, None, {}, {}, Dialogue())


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


@pytest.mark.parametrize(
    "mark",
    [{"weight": 0}, {"weight": 0.0}, {"weight": "0"}, {"train": False}, {"train": "false"}, {"weight": 1, "train": 0},
     {"loss": False}],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_answer_marked_as_not_learned_is_context_alone(mark: dict[str, Any], name: str, tmp_path: Path) -> None:
    turns = [turn("user", "a"), turn("assistant", "b", **mark), turn("user", "c"), turn("assistant", "d", weight=1)]
    table, notes = read_table(write(tmp_path / name, [{"messages": turns if name == "a.jsonl" else json.dumps(turns)}]))
    judged = answers(table)
    assert judged.columns["answer"] == ["d"]
    assert list(judged.columns["messages"]) == [messages("a", "b", "c")]
    assert f"1 answers of {name} are read and not learned, as weight: 0 or train: false says" in notes


def test_marks_of_what_is_learned_are_those_of_other_formats_too(tmp_path: Path) -> None:
    share = [{"from": "human", "value": "a", "train": False}, {"from": "gpt", "value": "b", "train": False},
             {"from": "human", "value": "c", "train": True}, {"from": "gpt", "value": "d", "train": None}]  # fmt: skip
    pairs = [{"human": "a", "assistant": "b", "weight": 0}, {"human": "c", "assistant": "d"}]
    for number, turns in enumerate((share, pairs)):
        table, notes = read_table(write(tmp_path / f"{number}.jsonl", [{"conversations": turns}]))
        assert answers(table).columns["answer"] == ["d"]
    _, notes = read_table(str(tmp_path / "0.jsonl"))
    assert "1 turns of 0.jsonl that are no answers are marked as learned; answers alone are" in notes


def test_an_answer_joined_to_one_that_is_not_learned_is_not_learned(tmp_path: Path) -> None:
    turns = [
        turn("user", "a"),
        turn("assistant", "b", weight=0),
        turn("assistant", "c"),
        turn("user", "d"),
        turn("assistant", "e"),
    ]
    unlearned = [turn("user", "a"), turn("assistant", "b", weight=0)]
    table, notes = read_table(write(tmp_path / "a.jsonl", [{"messages": turns}, {"messages": unlearned}]))
    assert answers(table).columns["answer"] == ["e"]
    assert "1 answers of a.jsonl are not learned, as they were joined to one that is not to be learned" in notes
    assert "1 dialogues of a.jsonl in which no answer is to be learned left out" in notes
    with pytest.raises(InputError, match=r"b\.jsonl: no row holds an answer that is to be learned"):
        read(write(tmp_path / "b.jsonl", [{"messages": unlearned}]))


SYSTEM, ASKED, SAID = "Be kind.", ["Hi!", "My bag is lost."], ["Hello, how can I help?", "Which flight was it?"]
PAIRS = list(zip(ASKED, SAID, strict=True))
FORMATS: dict[str, tuple[str, str]] = {
    "Gemma's format": ("", "<bos>" + "".join(
        f"<start_of_turn>user\n{a}<end_of_turn>\n<start_of_turn>model\n{b}<end_of_turn>\n" for a, b in PAIRS)),
    "ChatML": (SYSTEM, f"<|im_start|>system\n{SYSTEM}<|im_end|>\n" + "".join(
        f"<|im_start|>user\n{a}<|im_end|>\n<|im_start|>assistant\n{b}<|im_end|>\n" for a, b in PAIRS)),
    "Llama 2's format": (SYSTEM, f"<s>[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{ASKED[0]} [/INST] {SAID[0]} </s>"
                                 f"<s>[INST] {ASKED[1]} [/INST] {SAID[1]} </s>"),
    "Llama 3's format": (SYSTEM, "<|begin_of_text|>" + "".join(
        f"<|start_header_id|>{one['role']}<|end_header_id|>\n\n{one['content']}<|eot_id|>"
        for one in messages(*TURNS, system=SYSTEM))),
    "DeepSeek's format": (SYSTEM, f"<｜begin▁of▁sentence｜>{SYSTEM}" + "".join(
        f"<｜User｜>{a}<｜Assistant｜>{b}<｜end▁of▁sentence｜>" for a, b in PAIRS)),
    "the format of ### Instruction: and ### Response:": (SYSTEM, f"{SYSTEM}\n\n" + "".join(
        f"### Instruction:\n{a}\n\n### Response:\n{b}\n\n" for a, b in PAIRS)),
    "the format of ### Instruction: and ### Response: ": ("", "".join(f"### Human: {a}### Assistant: {b}" for a, b in PAIRS)),
    "Vicuna's format": (SYSTEM, f"{SYSTEM} " + "".join(f"USER: {a} ASSISTANT: {b}</s>" for a, b in PAIRS)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_transcripts_of_chat_models_are_read_and_their_format_is_said(form: str, tmp_path: Path) -> None:
    system, text = FORMATS[form]
    found, notes = read(write(tmp_path / "a.jsonl", [{"text": text}]))
    assert found == [messages(*TURNS, system=system)]
    assert f"1 texts of a.jsonl are in {form.strip()}, and their turns were read" in notes


def test_an_input_below_an_instruction_belongs_to_the_user(tmp_path: Path) -> None:
    text = "### Instruction:\nTranslate.\n\n### Input:\nGuten Tag\n\n### Response:\n## Good\nday: yes\n\n### End"
    assert read(write(tmp_path / "a.jsonl", [{"text": text}]))[0] == [messages("Translate.\n\nGuten Tag", "## Good\nday: yes")]


def test_marks_of_a_chat_format_within_columns_are_said(tmp_path: Path) -> None:
    row = {"prompt": "<start_of_turn>user\nHi!<end_of_turn>", "completion": "Hello."}
    found, notes = read(write(tmp_path / "a.jsonl", [row]))
    assert found == [messages(row["prompt"], "Hello.")]
    assert any(note.startswith("1 rows of a.jsonl have '<start_of_turn>' in a text, a mark of a chat format") for note in notes)


def test_calls_of_tools_are_left_out_and_what_tools_put_out_is_never_proposed_as_an_answer(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look", "arguments": "{}"}}]}
    bare = {"role": "assistant", "function_call": {"name": "look"}}
    found, notes = read(write(tmp_path / "a.jsonl", [{"messages": [turn("user", "a"), call, bare, turn("assistant", "b")]}]))
    assert found == [messages("a", "b")]
    assert "2 calls of tools in a.jsonl left out: no tools are offered" in notes
    for name in ("tool", "function", "observation", "ipython", "tool_output", "function_response"):
        path = write(tmp_path / f"{name}.jsonl", [{"messages": [*messages("a", "b"), turn(name, "{}")]}])
        with pytest.raises(
            InputError, match=rf"'{name}'; .*task\.roles=\{{{name.replace('_', '')}: none\}} leaves out"
        ) as error:
            read(path)
        assert ": assistant}" not in str(error.value)
    script = "\n".join(["Customer: a", "Tool: {}", "Agent: b"])
    _, notes = read(write(tmp_path / "b.csv", [{"text": script}] * 3))
    assert any("begin with 'Tool:' and were taken for text; task.roles={tool: none} leaves" in note for note in notes)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a weight between": ({"messages": [*messages("a"), turn("assistant", "b", weight=0.5)]},
                         r"turn 2: weight is '0\.5'; write 0 \(read, not learned\) or 1"),
    "parts to learn": ({"messages": [*messages("a"), turn("assistant", "b", train_detail=[{"train": False}])]},
                       "turn 2: train_detail names parts to learn"),
    "a torn Gemma's": ({"text": "Hi!<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>"},
                       "holds '<end_of_turn>', a mark of a chat format that does not begin"),
    "a torn Gemma's turn": ({"text": "<start_of_turn>user\nHi!<end_of_turn>oh<start_of_turn>model\nHello."},
                            "Gemma's format is broken: '<end_of_turn>' stands within a turn, before 'oh'"),
    "a torn Llama's": ({"text": "<s>[INST] Hi! Hello.</s>"}, r"Llama 2's format is broken: no \[INST\]"),
    "a format of channels": ({"text": "<|start|>user<|message|>Hi!<|end|><|start|>assistant<|message|>b"},
                             r"holds '<\|message\|>', a mark of a chat format"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named_with_its_row(case: str, tmp_path: Path) -> None:
    row, message = BROKEN[case]
    with pytest.raises(InputError, match=f"a.jsonl, line 1: .*{message}"):
        read(write(tmp_path / "a.jsonl", [row]))
