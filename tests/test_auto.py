"""``recipe=auto``: what a file is for is found from its first rows, and said; who competes does so within the budget."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import framework
from framework.__main__ import main
from framework.recipe.automatic import resolved
from framework.recipe.compose import compose_recipe
from tests.tiny import tiny_writer, write_csv

PICK = random.Random(0)
WORDS = ["flight", "bag", "phone", "refund", "late", "crew", "screen", "lovely", "awful", "delivery", "ticket"]


def text(words: int = 8) -> str:
    return " ".join(PICK.choices(WORDS, k=words))


def table(header: Sequence[str], row: Callable[[int], Sequence[str]], rows: int = 60) -> Callable[[Path], Path]:
    return lambda path: write_csv(path.with_suffix(".csv"), [row(number) for number in range(rows)], header)


def lines(record: Callable[[int], Mapping[str, object]]) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path = path.with_suffix(".jsonl")
        path.write_text("\n".join(json.dumps(record(number)) for number in range(30)), "utf-8")
        return path

    return write


def turn(role: str) -> dict[str, str]:
    return {"role": role, "content": text()}


FILES = {
    "labels": ("sentiment", table(("text", "label"), lambda i: (text(), "ab"[i % 2]))),
    "headers of nobody": ("sentiment", table(("msg", "kind"), lambda i: (text(), "ab"[i % 2]))),
    "Chinese headers": ("sentiment", table(("评论", "情感"), lambda i: (f"这家店的服务真的很好{i}", "好差"[i % 2]))),
    "news with titles": ("sentiment", table(("title", "text", "label"), lambda i: (text(3), text(20), "ab"[i % 2]))),
    "summaries": ("summarization", table(("article", "summary"), lambda i: (text(40), text(6)))),
    "questions": ("dialogue", table(("question", "answer"), lambda i: (text(), text()))),
    "messages": ("dialogue", lines(lambda i: {"messages": [turn("user"), turn("assistant")]})),
    "topics": ("generation", table(("topic", "article"), lambda i: (text(2), text(30)))),
    "spans": ("entities", lines(lambda i: {"text": "Anna is in Rome", "entities": [[0, 4, "PER"]]})),
    "tags": ("entities", lines(lambda i: {"tokens": ["Anna", "sleeps"], "ner_tags": ["B-PER", "O"]})),
    "several labels": ("labels", table(("text", "tags"), lambda i: (text(), ("a|b", "b|c", "c|a", "b")[i % 4]))),
    "lists of labels": ("labels", lines(lambda i: {"body": text(), "what": [["a", "b"], ["b"], []][i % 3]})),
    "a column for each label": ("labels", table(("text", "a", "b"), lambda i: (text(), str(i % 2), str(i % 3 // 2)))),
    "a column for each of two classes": ("sentiment", table(("text", "a", "b"), lambda i: (text(), "01"[i % 2], "10"[i % 2]))),
    "purchases": ("recommendation", table(("customer_id", "sku", "time"), lambda i: (f"u{i % 9}", f"i{i % 7}", f"{i}"))),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_taken_for_what_it_holds(tmp_path: Path, kind: str) -> None:
    recipe, write = FILES[kind]
    assert resolved(["recipe=auto", f"data.train={write(tmp_path / 'rows')}"])[0] == f"recipe={recipe}"


def test_what_a_person_writes_stays_and_limits_give_way_to_the_budget(tmp_path: Path) -> None:
    file = FILES["labels"][1](tmp_path / "rows")
    config = compose_recipe("auto", [f"data.train={file}", "model.minutes=2"])
    assert (config.budget, config.candidates.fine_tuned.minutes, config.candidates.frozen.encode_minutes) == ("10m", 2, None)
    config = compose_recipe("auto", [f"data.train={file}", "budget=4m", "candidates=[linear,fine_tuned]"])
    assert (config.budget, list(config.candidates), config.candidates.fine_tuned.minutes) == (
        "4m",
        ["linear", "fine_tuned"],
        None,
    )


def test_the_nearest_questions_answer_competes_unless_a_person_names_others(tmp_path: Path) -> None:
    given = [
        f"data.train={FILES['questions'][1](tmp_path / 'rows')}",
        f"model.name={tiny_writer(tmp_path / 'model')}",
        "task.max_context=40",
        "task.max_answer=6",
    ]
    assert list(compose_recipe("auto", given).candidates) == ["retrieval", "writer"]
    assert list(compose_recipe("auto", [*given, "candidates=[writer]"]).candidates) == ["writer"]
    assert list(compose_recipe("dialogue", given).candidates) == ["writer"]


def test_where_the_budget_is_too_short_for_a_generator_the_nearest_questions_answer_ships(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [f"model.name={tiny_writer(tmp_path / 'model')}", "task.max_context=40", "task.max_answer=6", "tracker=none"]
    run = framework.auto(FILES["questions"][1](tmp_path / "rows"), *small, budget="1s")
    shown = capsys.readouterr().out
    assert "too short" in shown
    assert "answers of the training rows, word for word" in shown
    assert json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["candidate"] == "retrieval"


def test_columns_that_a_person_names_decide(tmp_path: Path) -> None:
    file = table(("title", "text"), lambda i: (text(3), text(20)))(tmp_path / "rows")
    assert resolved(["recipe=auto", f"data.train={file}", "data.summary=title"])[0] == "recipe=summarization"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["check", "recipe=auto", *arguments]) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def test_two_readings_are_an_error_that_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = table(("user_id", "product_id", "text", "sentiment"), lambda i: (f"{i % 9}", f"{i % 7}", text(), "ab"[i % 2]))
    message = refused(capsys, f"data.train={row(tmp_path / 'rows')}")
    assert "can be read as 2 tasks" in message
    assert "recipe=sentiment: classification, it has text in 'text' and label in 'sentiment'" in message
    assert "recipe=recommendation: recommendation, it has user in 'user_id' and item in 'product_id'" in message


UNREADABLE = {
    "numbers": (table(("a", "b"), lambda i: (f"{i / 7}", f"{i / 3}")), ("no task reads this file", "classification: ")),
    "a label a row": (table(("text", "label"), lambda i: (text(), f"l{i}")), ("differs in each of its 60 rows",)),
    "a web page": (lambda path: _page(path), ("an HTML or XML page",)),
    "no file": (lambda path: path, ("no file",)),
}  # fmt: skip


def _page(path: Path) -> Path:
    path.write_text("<html><body>Sign in</body></html>", "utf-8")
    return path


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_of_no_task_is_an_error_that_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    write, words = UNREADABLE[kind]
    message = refused(capsys, f"data.train={write(tmp_path / 'rows')}")
    assert [word for word in words if word not in message] == []
    assert (message.count("an HTML") + message.count("no file ")) in (0, 1)  # what is true of the file is said once


TOO_LITTLE = {
    "three rows": (table(("text", "label"), lambda i: (text(), "ab"[i % 2]), 3), "3 usable rows are too few to hold out 10%"),
    "one class": (table(("text", "label"), lambda i: (text(), "a")), "every row has the label 'a'; a classifier needs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOO_LITTLE)
def test_a_file_that_is_too_little_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    write, words = TOO_LITTLE[kind]
    assert words in refused(capsys, f"data.train={write(tmp_path / 'rows')}")


def test_a_label_of_thousands_may_stand_once_in_the_first_rows(tmp_path: Path) -> None:
    places = random.Random(1).choices(range(5000), k=30_000)
    file = table(("text", "label"), lambda i: (text(), f"intent {places[i]}"), 30_000)(tmp_path / "rows")
    assert resolved(["recipe=auto", f"data.train={file}"])[0] == "recipe=sentiment"


def test_without_rows_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "recipe=auto needs your rows: write data.train=FILE.csv" in refused(capsys)


def test_check_says_what_the_file_is_and_what_would_change_its_mind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = FILES["news with titles"][1](tmp_path / "rows")
    assert main(["check", "recipe=auto", f"data.train={file}", "candidates=[linear]"]) == 0
    shown = capsys.readouterr().out
    assert "taken for classification: it has text in 'text' and label in 'label'" in shown
    assert "recipe=summarization would take it for summarization: it has text in 'text' and summary in 'title'" in shown
    assert "recipe=auto" in next(line for line in shown.splitlines() if line.startswith("budget"))


def test_from_python_it_returns_the_run_whose_report_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = FILES["labels"][1](tmp_path / "rows")
    run = framework.auto(file, "candidates=[linear]", "export=[onnx]", "tracker=none", budget="2m")
    assert run.parent == Path("runs", "auto")
    assert framework.load("runs/auto/latest").predict(["lovely flight"])[0]["label"] in {"a", "b"}
    titles = [section["title"] for section in json.loads((run / "report.json").read_text("utf-8"))["sections"]]
    assert "What the file is" in titles
