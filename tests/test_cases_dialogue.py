"""Small files of dialogues that went wrong: each is read as it was meant, and what was read is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework import InputError
from framework.data.loading import read_labelled
from framework_dialogue import Dialogue, Generation
from framework_dialogue.task import DialogueTask, GenerationTask

CASES = Path(__file__).parents[1] / "../shared/cases"


def case(name: str) -> Path:
    if not (CASES / name).is_file():
        pytest.skip(f"shared/cases/{name} does not lie beside the repository")
    return CASES / name


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("message_weights.jsonl", "120 answers of message_weights.jsonl are read and not learned"),
        ("gemma_turns.jsonl", "120 texts of gemma_turns.jsonl are in Gemma's format"),
        ("instruction_response.jsonl", "120 texts of instruction_response.jsonl are in the format of ### Instruction:"),
    ],
)
def test_each_row_is_one_question_and_one_answer_to_learn(name: str, note: str) -> None:
    path = case(name)
    judged, notes = read_labelled(str(path), DialogueTask(), None, {}, {}, Dialogue())
    assert len(judged) == 120
    assert any(one.startswith(note) for one in notes)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row, answer, history in zip(rows, judged.texts("answer"), judged.records("messages"), strict=True):
        if "messages" in row:
            asked = [{"role": one["role"], "content": one["content"]} for one in row["messages"][:-1]]
            assert (history, answer) == (asked, row["messages"][-1]["content"])
        else:
            assert answer in row["text"]
            assert not any(mark in str(history) + answer for mark in ("<start_of_turn>", "<end_of_turn>", "###"))


@pytest.mark.parametrize("name", ["gemma_turns.jsonl", "instruction_response.jsonl"])
def test_transcripts_are_no_prompts_and_texts(name: str) -> None:
    path = case(name)
    with pytest.raises(InputError, match="no usable prompt column among 'text'"):
        read_labelled(str(path), GenerationTask(), None, {}, {}, Generation())
