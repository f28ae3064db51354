"""Dialogues in every shape become one form; what is repaired is counted and said, what cannot be read names its row."""

from __future__ import annotations

import csv
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from framework import InputError, Splits, Table
from framework.data.loading import load_splits, read_labelled
from framework.recipe.schema import data_schema
from framework_dialogue import Dialogue
from framework_dialogue.conversations import history_of
from framework_dialogue.repairs import Message, examples
from framework_dialogue.task import DialogueTask

RECIPES = Path(__file__).parents[2] / "recipes"


class WholeDialogues(DialogueTask):
    """Rows as they are read, not one for each answer."""

    def judged(self, table: Table) -> Table:
        return table


DIALOGUE = WholeDialogues()

TURNS = ["Hi!", "Hello, how can I help?", "My bag is lost.", "Which flight was it?"]


def messages(*texts: str, system: str = "") -> list[Message]:
    """What user and assistant say in turn."""
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def said(name: str, content: str, *, by: tuple[str, ...], system: str = "") -> list[dict[str, Any]]:
    """The turns by these speakers, with these keys."""
    first = [{name: "system", content: system}] if system else []
    return [*first, *({name: by[i % 2], content: text} for i, text in enumerate(TURNS))]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def read(address: str, known: dict[str, str] | None = None, **roles: str) -> tuple[list[list[Message]], list[str]]:
    table, notes = read_labelled(address, DIALOGUE, None, known or {}, {}, Dialogue(roles=roles))
    return [list(map(dict, said)) for said in table.records("messages")], notes


SHAPES: dict[str, tuple[str, dict[str, Any], str]] = {
    "OpenAI": ("a.jsonl", {"messages": said("role", "content", by=("user", "assistant"), system="Be kind.")}, "Be kind."),
    "OpenAI's parts": ("a.jsonl", {"messages": [
        {"role": "user", "content": [{"type": "text", "text": TURNS[0]}]}, *messages(*TURNS)[1:]]}, ""),
    "ShareGPT": (
        "a.jsonl", {"id": 1, "conversations": said("from", "value", by=("human", "gpt"), system="Be kind.")}, "Be kind."),
    "ShareGPT with a column for the instruction": (
        "a.jsonl", {"conversations": said("from", "value", by=("human", "gpt")), "system": "Be kind."}, "Be kind."),
    "texts in turn": ("a.jsonl", {"dialog": TURNS}, ""),
    "SGD": ("a.jsonl", {"dialogue_id": "1", "turns": said("speaker", "utterance", by=("USER", "SYSTEM"))}, ""),
    "author and text": ("a.jsonl", {"chat": said("author", "text", by=("Visitor", "Operator"))}, ""),
    "from and text": ("a.jsonl", {"conversation": said("from", "text", by=("client", "support"))}, ""),
    "no speakers": ("a.jsonl", {"dialogue": [{"utterance": text} for text in TURNS]}, ""),
    "an exchange an object": ("a.jsonl", {"conversation": [
        {"human": TURNS[0], "assistant": TURNS[1]}, {"human": TURNS[2], "assistant": TURNS[3]}]}, ""),
    "JSON in a CSV": ("a.csv", {"messages": json.dumps(messages(*TURNS))}, ""),
    "Python's lists in a CSV": ("a.csv", {"messages": str(messages(*TURNS))}, ""),
    "a history": ("a.jsonl", {"instruction": TURNS[2], "output": TURNS[3], "history": [TURNS[:2]]}, ""),
    "a script": ("a.csv", {"text": "Customer: Hi!\nAgent: Hello, how can I help?\n\n"
                                   "CUSTOMER:My bag is lost.\nagent : Which flight was it?"}, ""),
    "a script with times": ("a.csv", {"transcript": "".join(
        f"[10:0{i}] {who}: {text}\n" for i, (who, text) in enumerate(zip(["User", "Bot"] * 2, TURNS, strict=True)))}, ""),
    "a script in a list": ("a.jsonl", {"dialogue": [f"{w}: {t}" for w, t in zip("QAQA", TURNS, strict=True)]}, ""),
    "a script in Chinese": ("a.csv", {"text": "客户：Hi!\n客服：Hello, how can I help?\n"
                                              "客户：My bag is lost.\n客服：Which flight was it?"}, ""),
    "Markdown": ("a.csv", {"text": "### Human: Hi!\n### Assistant: Hello, how can I help?\n"
                                   "**User:** My bag is lost.\n**Bot:** Which flight was it?"}, ""),
    "tags": ("a.csv", {"text": "<user>Hi!<bot>Hello, how can I help?"
                               "<user> My bag is lost. <bot>Which flight was it?</bot>"}, ""),
    "ChatML": ("a.csv", {"text": "<|im_start|>system\nBe kind.<|im_end|>\n" + "".join(
        f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages(*TURNS))}, "Be kind."),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_becomes_messages(shape: str, tmp_path: Path) -> None:
    name, row, system = SHAPES[shape]
    found, notes = read(write(tmp_path / name, [row]))
    assert found == [messages(*TURNS, system=system)]
    assert not [note for note in notes if "left out" in note or "joined" in note]


def test_a_data_set_in_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": [TURNS[0]], "messages": [messages(*TURNS)]}), tmp_path / "a.parquet")
    assert read(str(tmp_path / "a.parquet"))[0] == [messages(*TURNS)]


def test_questions_and_answers_of_two_columns(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", [{"Prompt": "What is 2 + 2?", "Completion": "4"}])
    alpaca = {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day", "text": "Below is an instruction ..."}
    asked = {"question": "Who?", "context": "Ada wrote it.", "answer": "Ada", "system": "Be brief."}
    assert read(plain)[0] == [messages("What is 2 + 2?", "4")]
    assert read(write(tmp_path / "b.jsonl", [alpaca, {**alpaca, "input": ""}]))[0] == [
        messages("Translate.\n\nGuten Tag", "Good day"),
        messages("Translate.", "Good day"),
    ]
    assert read(write(tmp_path / "c.jsonl", [asked]))[0] == [messages("Who?\n\nAda wrote it.", "Ada", system="Be brief.")]


def test_a_turn_of_a_script_may_go_over_lines(tmp_path: Path) -> None:
    script = "Customer: It broke.\nError: 42\n\nhttp://a.b: see\nAgent: Restart it.\n  Then wait."
    found, notes = read(write(tmp_path / "a.csv", [{"text": script}] * 3))
    assert found[0] == messages("It broke.\nError: 42\n\nhttp://a.b: see", "Restart it.\n  Then wait.")
    assert any("3 lines of a.csv begin with 'Error:' and were taken for text; task.roles={error: " in note for note in notes)


def test_files_that_chatterbot_reads_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("categories:\n- x\nconversations:\n- - Hi!\n  - no\n- - 007\n  - 'yes: really'\n- stray\n")
    found, notes = read(f"{tmp_path}/*.yml")
    assert found == [messages("Hi!", "no"), messages("007", "yes: really")]
    assert "1 dialogues of a.yml without an answer to a user left out" in notes


@pytest.mark.parametrize(
    ("turns", "role"),
    [
        ([("system", "Be kind."), ("user", "a"), ("assistant", "b")], "system"),
        ([("user", "a"), ("system", "b")], "assistant"),
        ([("SYSTEM", "Welcome"), ("USER", "a"), ("SYSTEM", "b")], "assistant"),
    ],
)
def test_system_instructs_or_answers(turns: list[tuple[str, str]], role: str, tmp_path: Path) -> None:
    found, _ = read(write(tmp_path / "a.jsonl", [{"messages": [{"role": r, "content": t} for r, t in turns]}]))
    roles = [message["role"] for message in found[0]]
    assert roles == (["system", "user", "assistant"] if role == "system" else ["user", "assistant"])


REPAIRED: dict[str, tuple[str, list[str | None], list[Message] | None, str]] = {
    "empty turns": ("uaua", ["a", " ", "a again", "b"], messages("a\na again", "b"), "1 empty turns of a.jsonl left out"),
    "no text": ("uua", [None, "a", "b"], messages("a", "b"), "1 empty turns of a.jsonl left out"),
    "two answers": (
        "uaau",
        ["a", "b", "c", "d"],
        messages("a", "b\nc"),
        "1 answers of a.jsonl that follow an answer were joined",
    ),
    "two user turns": (
        "uua",
        ["a", "b", "c"],
        messages("a\nb", "c"),
        "1 user turns of a.jsonl that follow a user's were joined",
    ),
    "an opening answer": (
        "aua",
        ["hi", "a", "b"],
        messages("a", "b"),
        "1 answers of a.jsonl that open a dialogue, before a user",
    ),
    "a last question": ("uau", ["a", "b", "c"], messages("a", "b"), "1 last user turns of a.jsonl without an answer cut off"),
    "late instructions": (
        "suas",
        ["x", "a", "b", "y"],
        messages("a", "b", system="x\ny"),
        "1 instructions of a.jsonl that are not",
    ),
    "no answer": ("us", ["a", ""], None, "1 dialogues of a.jsonl without an answer to a user left out"),
    "only an answer": ("a", ["b"], None, "1 dialogues of a.jsonl without an answer to a user left out"),
}
ROLES = {"u": "user", "a": "assistant", "s": "system"}


@pytest.mark.parametrize("case", REPAIRED)
def test_what_is_repaired_is_counted_and_said(case: str, tmp_path: Path) -> None:
    roles, texts, expected, note = REPAIRED[case]
    turns = [{"role": ROLES[role], "content": text} for role, text in zip(roles, texts, strict=True)]
    found, notes = read(write(tmp_path / "a.jsonl", [{"messages": turns}, {"messages": messages(*TURNS)}]))
    assert found == ([expected] if expected else []) + [messages(*TURNS)]
    assert any(found.startswith(note) for found in notes)


def test_dialogues_without_any_answer_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl: no row holds an answer to a user, so there is nothing to learn"):
        read(write(tmp_path / "a.jsonl", [{"messages": messages("a")}, {"messages": []}]))


UNREADABLE: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown role": ("a.jsonl", {"messages": [{"role": "advisor", "content": "a"}]},
                        r"line 3: nobody knows the role 'advisor'; known are user: user, .*task\.roles=\{advisor: assistant\}"),
    "an unknown speaker": ("a.csv", {"text": "Customer: a\nAdvisor: b"}, r"line 3: nobody knows the role 'Advisor'"),
    "an unknown speaker, first": ("a.csv", {"text": "Advisor: b\nCustomer: a"}, r"line 3: nobody knows the role 'Advisor'"),
    "an unknown tag": ("a.csv", {"text": "<advisor>a<user>b"}, r"line 3: nobody knows the role 'advisor'"),
    "a text before the first speaker": ("a.csv", {"text": "Ticket\nUser: a"}, "with a text of no speaker, 'Tick"),
    "broken JSON": ("a.csv", {"messages": '[{"role": "user", "content": "a"'}, "line 3, messages: not JSON: Expecting ','"),
    "Python's texts": ("a.csv", {"messages": "['a' 'b']"}, r"line 3, messages: not JSON: .* a dialogue is \[\{\"role\""),
    "JSON without a bottom": ("a.csv", {"messages": "[" * 100_000}, r"line 3, messages: not JSON"),
    "no text": ("a.jsonl", {"messages": [{"role": "user", "words": "a"}]}, r"turn 1 has no text; it may be called content"),
    "no speaker": ("a.jsonl", {"messages": [*messages("a"), {"content": "b"}]}, r"turn 2 does not say whose it is"),
    "a picture": ("a.jsonl", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "a part of the kind 'image'"),
    "mixed turns": ("a.jsonl", {"messages": [*messages("a"), "b"]}, r"turn 2 is str, others are objects"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_names_its_row(case: str, tmp_path: Path) -> None:
    name, row, message = UNREADABLE[case]
    good = {"text": "<user>a<bot>b"} if "text" in row else {"messages": json.dumps(messages("a", "b"))}
    path = write(tmp_path / name, [good, row, row])
    with pytest.raises(InputError, match=message.replace("line 3", "line 2") if name.endswith("l") else message) as error:
        read(path)
    assert "(so do 1 more rows)" in error.value.problems[0]
    assert len(str(error.value)) < 3000


def test_more_roles_are_given_or_left_out(tmp_path: Path) -> None:
    turns = [("Student", "a"), ("tool", "{}"), ("Advisor", "b")]
    path = write(tmp_path / "a.jsonl", [{"messages": [{"role": r, "content": t} for r, t in turns]}])
    found, notes = read(path, student="user", advisor="assistant", tool="none")
    assert found == [messages("a", "b")]
    assert "1 turns of a.jsonl by speakers that task.roles leaves out" in notes
    with pytest.raises(InputError, match=r"task\.roles: advisor is helper; a role is system, user, assistant, or none"):
        read(path, advisor="helper")


def test_a_question_s_or_an_answer_s_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: question found but no answer column; data\.answer=COLUMN names it"):
        read(write(tmp_path / "a.csv", [{"question": "a", "said": "b"}]))
    with pytest.raises(InputError, match=r"b\.csv: answer found but no question column; data\.question=COLUMN names it"):
        read(write(tmp_path / "b.csv", [{"asked": "a", "answer": "b"}]))
    with pytest.raises(InputError, match=r"no column of 'asked', 'said' is one of messages \(messages, conversations, "):
        read(write(tmp_path / "c.csv", [{"asked": "a", "said": "b"}]))


def test_each_answer_is_an_example_with_what_was_said_before() -> None:
    dialogue = messages(*TURNS, system="Be kind.")
    assert examples(dialogue) == [(dialogue[:2], dialogue[2]), (dialogue[:4], dialogue[4])]


def test_a_row_asks_for_its_last_answer_and_a_request_for_the_next() -> None:
    dialogue = messages(*TURNS)
    for request in (
        {"messages": json.dumps(dialogue)},
        dialogue,
        json.dumps(dialogue),
        dialogue[:3],
        {"messages": dialogue[:3]},
    ):
        assert history_of(request, {}) == dialogue[:3]
    assert history_of("Note: hi", {}) == messages("Note: hi")
    assert history_of({"question": "a", "context": "b", "system": "c"}, {}) == messages("a\n\nb", system="c")
    assert history_of([{"role": "student", "content": "a"}], {"student": "user"}) == messages("a")
    nothing: Any
    for nothing in ("  ", [], {"messages": [{"role": "system", "content": "Be kind."}]}):
        with pytest.raises(InputError, match="there is nothing to answer: no user turn"):
            history_of(nothing, {})


def load(**data: Any) -> Splits:
    return load_splits(OmegaConf.merge(OmegaConf.structured(data_schema(DIALOGUE)), data), DIALOGUE, 1)


def test_no_question_stands_in_two_splits_whatever_its_answer_and_shape(tmp_path: Path) -> None:
    names = [f"{chr(97 + i % 26) * 4} {chr(97 + i // 26) * 4} {i * 7919}" for i in range(60)]
    pairs = [
        {"question": f"What is {name}?", "answer": f"{answer} {name[::-1]}"}
        for name in names
        for answer in ("It is", "No idea,")
    ]
    test = [{"messages": messages(row["question"], "An answer of its own.")} for row in pairs[:20:2]]
    splits = load(train=write(tmp_path / "a.csv", [*pairs, pairs[5]]), test=write(tmp_path / "b.jsonl", test))
    asked = {name: {said[0]["content"] for said in table.records("messages")} for name, table in splits.named().items()}
    assert (len(asked["test"]), sum(map(len, asked.values()))) == (10, 60)
    assert len(splits.train) + len(splits.validation) == 100
    assert "20 rows of a.csv nearly repeat a row of a held-out split and were left out" in splits.notes


def test_the_packaged_dialogues() -> None:
    try:
        importlib.metadata.version("chatterbot-corpus")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed: pip install '.[packaged]'")
    recipe: Any = OmegaConf.load(RECIPES / "data" / "chatterbot.yaml")
    splits = load(**recipe)
    notes = "\n".join(splits.notes)
    for note in ("1 dialogues of", "1,127 rows of ai.yml and 20 more files repeat", "43 last user turns of"):
        assert note in notes
    assert sum(splits.rows().values()) == 898
