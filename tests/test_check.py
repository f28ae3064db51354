"""`check`: everything of a run but training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.__main__ import main
from framework_dialogue import Dialogue
from framework_dialogue.settings import settings_of as dialogue_settings
from framework_summarization import Summarization
from framework_summarization.settings import settings_of as summary_settings
from framework_text.generation.offline_tokenizer import described
from framework_text.generation.options import Writing
from framework_text.generation.saved import load
from framework_text.options import Backbone
from tests.tiny import rows, summaries, tiny_gguf, tiny_reader, tiny_writer, write_csv, write_dialogues


def check(capsys: pytest.CaptureFixture[str], *settings: str) -> str:
    assert main(["check", "recipe=sentiment", *settings]) == 0
    return capsys.readouterr().out


def line(said: str, start: str) -> str:
    return next(found for found in said.splitlines() if found.startswith(start))


def test_each_value_is_shown_with_its_origin(capsys: pytest.CaptureFixture[str], small: list[str]) -> None:
    said = check(capsys, *small, "seed=7")
    assert "command line" in line(said, "seed ")
    assert "recipe=sentiment" in line(said, "trainer.gradient_clip_val")
    assert "recipe-framework" in line(said, "task.max_length") or "command line" in line(said, "task.max_length")
    assert "default of export/onnx_int8" in line(said, "export.onnx_int8.max_drop")
    assert "data.source" not in said  # data.train replaces it


def test_columns_rows_tokens_and_an_estimate_are_shown_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = check(capsys, *small)
    for part in ("is the column 'text' (by its name)", "Labels (3)", "[CLS] the", "Estimate", "memory while training"):
        assert part in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_odd_is_said_with_what_can_be_done(
    capsys: pytest.CaptureFixture[str], small: list[str], tmp_path: Path
) -> None:
    leaking = [(f"{text} {label}", label) for text, label in rows(180)]
    path = write_csv(tmp_path / "a.csv", [*leaking, *((f"the rare strange thing {i * 7919}", "rare") for i in range(4))])
    said = check(capsys, *small, f"data.train={path}", "task.max_length=4")
    assert "of the 'positive' texts hold the word 'positive' itself" in said
    assert "1 labels have fewer than 5 training rows: rare" in said
    assert "task.class_weights=true" in said
    assert "of the texts are longer than 4 tokens" in said
    assert "of the tokens are unknown to this backbone's vocabulary" in said


def test_bad_input_is_one_message(capsys: pytest.CaptureFixture[str], small: list[str]) -> None:
    assert main(["check", *small]) == 2
    assert main(["check", "recipe=sentiment", *small, "data.text=nope"]) == 2
    assert "no such column" in capsys.readouterr().err


def test_it_needs_no_torch(small: list[str]) -> None:
    check = f"main(['check', 'recipe=sentiment', *{small!r}])"
    code = f"import sys\nfrom framework.__main__ import main\nsys.exit({check} or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_id_in_the_text_is_said(capsys: pytest.CaptureFixture[str], small: list[str], tmp_path: Path) -> None:
    tickets = [(f"TICKET-{i}", f"{text} TICKET-{i}", label) for i, (text, label) in enumerate(rows(90))]
    path = write_csv(tmp_path / "a.csv", tickets, ("ticket", "text", "label"))
    said = check(capsys, *small, f"data.train={path}")
    assert "the column 'ticket' of a.csv stands in 100% of its texts" in said


def test_a_word_that_stands_everywhere_is_no_leak(capsys: pytest.CaptureFixture[str], small: list[str], tmp_path: Path) -> None:
    everywhere = [(f"positive {text}", label.capitalize()) for text, label in rows(90)]
    said = check(capsys, *small, f"data.train={write_csv(tmp_path / 'a.csv', everywhere)}")
    assert "hold the word" not in said


def settings_of(recipe: str, folder: Path) -> list[str]:
    copies = [(text, f"{label} {text}") for text, label in rows()]
    data = {
        "summarization": lambda: write_csv(folder / "rows.csv", summaries(), ("text", "summary")),
        "dialogue": lambda: write_dialogues(folder / "rows.jsonl"),
        "generation": lambda: write_csv(folder / "rows.csv", copies, ("topic", "article")),
    }
    return [f"recipe={recipe}", f"data.train={data[recipe]()}", f"model.name={tiny_writer(folder / 'model')}"]


@pytest.mark.parametrize(
    ("recipe", "few", "shown"),
    [
        ("summarization", ["task.max_text=2", "task.max_summary=1"], ["Summary :", "end of the text", "end of the summary"]),
        ("dialogue", ["task.max_context=8", "task.max_answer=1"], ["oldest turns", "end of the answer"]),
        ("generation", ["task.max_context=8", "task.max_answer=2"], ["oldest turns", "end of the answer"]),
    ],
)
def test_generators_show_rows_in_tokens_and_what_limits_take_away(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, recipe: str, few: list[str], shown: list[str]
) -> None:
    assert main(["check", *settings_of(recipe, tmp_path), *few]) == 0
    said = capsys.readouterr().out
    for part in ("Rows as the model sees them", "Tokens of a training row", "What limits take away", *shown):
        assert part in said, part
    assert "100% of the training rows:" in said


@pytest.mark.parametrize("templated", [False, True])
@pytest.mark.parametrize("make", [tiny_writer, tiny_reader])
def test_what_is_described_is_what_training_freezes(tmp_path: Path, make: Callable[[Path], Path], templated: bool) -> None:
    """Settings of the codecs from a folder's files alone equal those from transformers' own tokenizer and model."""
    folder = make(tmp_path / "model")
    tokenizer, network = load(folder)
    if templated:
        turns = "{% for m in messages %}{{ m.role }} : {{ m.content }} {{ eos_token }}{% endfor %}"
        tokenizer.chat_template = turns + "{% if add_generation_prompt %}assistant :{% endif %}"
        tokenizer.save_pretrained(folder)
    found = described(Writing(backbone=Backbone(name=str(folder))), 32)
    assert found is not None
    assert summary_settings(*found, Summarization()) == summary_settings(tokenizer, network, Summarization())
    assert dialogue_settings(*found, Dialogue()) == dialogue_settings(tokenizer, network, Dialogue())
    assert dialogue_settings(*found, Dialogue())["own_template"] is templated


def test_a_gguf_file_is_not_converted_to_be_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny_gguf(tmp_path / "model.gguf")
    given = settings_of("summarization", tmp_path)[:2]
    assert main(["check", *given, f"model.name={tmp_path / 'model.gguf'}", "task.max_text=24", "task.max_summary=6"]) == 0
    assert "is converted by the first run" in capsys.readouterr().out
    assert not (tmp_path / "cache").exists()
