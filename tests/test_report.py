"""The report: what it holds, its charts, what it costs, and which of the user's texts it shows."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import framework
from framework import Bars, Lines, Section, Series, Table, Text
from framework.contracts.evaluation import Metric
from framework.plugins import load_plugins
from framework.report.console import as_text, disclosed
from framework.report.curves import training_curves
from framework.report.nearest_rows import SAMPLE, nearest_training_rows
from framework.report.privacy import LEFT_OUT, Disclosure
from framework.report.svg import svg, ticks
from framework_onnx import CANDIDATES
from tests.tiny import rows, write_csv

CONTACT = "write to bob.smith@example.com or @bobsmith, call +1 415-555-2671, see https://example.com/bob"
GIVEN = ("bob.smith@", "bobsmith", "555-2671", "example.com/bob")


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return content


def section(content: dict[str, Any], title: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in content["sections"] if s["title"].startswith(title))
    return found


def test_the_page_and_the_data_hold_the_same(run_folder: Path) -> None:
    content, page = report(run_folder), (run_folder / "report.html").read_text("utf-8")
    cells = [str(cell) for s in content["sections"] for row in s["rows"] for cell in row]
    sentences = [decision["sentence"] for decision in content["decisions"]]
    digests = list(content["data"]["sha256"].values())
    plain = re.sub(r"&#39;", "'", re.sub(r"&gt;", ">", page))
    said = [*cells, *sentences, *digests, content["verdict"], content["data"]["licence"], content["model"]["licence"]]
    assert [text for text in said if text not in plain] == []
    assert content["environment"]["machine"]["CPU"] in plain
    assert content["environment"]["versions"]["torch"] in plain


def test_the_verdict_comes_first_then_the_numbers_beside_the_best_baseline(run_folder: Path) -> None:
    content, page = report(run_folder), (run_folder / "report.html").read_text("utf-8")
    standing = content["standing"]
    assert standing["beats"] == (standing["gain"] > 0)
    assert standing["baseline_value"] == content["metrics"][standing["baseline"]]["macro_f1"]
    assert [number["value"] for number in content["summary"]][:2] == [f"{standing['value']:.3f}", "192"]
    assert page.index("<h1") < page.index('class="numbers"') < page.index("Decisions</h2>") < page.index("The result</h2>")


def test_training_has_its_curves(run_folder: Path) -> None:
    training = section(report(run_folder), "Training, epoch by epoch")
    assert [chart["title"] for chart in training["charts"]] == ["loss", "macro_f1"]
    assert [series["name"] for series in training["charts"][0]["series"]] == ["train loss", "val loss"]
    epochs = [row[0] for row in training["rows"]]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(training["charts"][1]["series"][0]["y"]) == len(epochs)


def test_what_left_no_log_has_no_curves(tmp_path: Path) -> None:
    assert training_curves(tmp_path, Metric("macro_f1")) == []


def test_long_curves_are_thinned_and_keep_their_shape(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lines = [f"{step // 1000},{step},{2 - step / 4000:.4f}," for step in range(4000)]
    (tmp_path / "logs" / "metrics.csv").write_text("\n".join(["epoch,step,train_loss,val_macro_f1", *lines, "3,3999,,0.5"]))
    (found,) = training_curves(tmp_path, Metric("macro_f1"))
    loss = found.charts[0].series[0]
    assert len(loss.y) == 400
    assert loss.y[0] == pytest.approx(2, abs=0.01)
    assert loss.y[-1] == pytest.approx(1, abs=0.01)
    assert found.rows[-1][0] == 4


def test_every_file_is_drawn_and_costed_with_the_trained_module(run_folder: Path) -> None:
    content = report(run_folder)
    files, costs = section(content, "Files"), section(content, "Cost of 1,000 answers")
    names = ["trained module", "onnx", "onnx_int8", "torchscript"]
    assert [row[0] for row in costs["rows"]] == names
    for chart in files["charts"]:
        assert [name.removeprefix("✗ ") for name in chart["categories"]] == names
    alone = content["files"]["onnx"]["milliseconds"]
    assert float(costs["rows"][1][1]) == pytest.approx(alone, abs=0.01)
    assert len(costs["header"]) == 3


def test_a_file_that_does_not_ship_is_drawn_hatched_and_costed_and_an_hour_has_its_price(
    tmp_path: Path, small: list[str]
) -> None:
    rejected = ["export=[onnx,onnx_int8]", "export.onnx_int8.max_drop=-1"]
    folder = framework.run_recipe("sentiment", *small, *rejected, "trainer.max_steps=2", "report.hourly_price=3.6",
                           folder=tmp_path / "run")  # fmt: skip
    content = report(folder)
    assert section(content, "Files")["charts"][0]["faint"] == [f"✗ {name}" for name in CANDIDATES]
    assert "bar s0 faint" in (folder / "report.html").read_text("utf-8")
    int8 = section(content, "Cost of 1,000 answers")["rows"][-1]
    assert int8[0] == CANDIDATES[-1]
    assert float(int8[3]) == pytest.approx(float(int8[1]) / 1000, abs=1e-5)


def test_mistakes_stand_beside_the_training_rows_most_like_them() -> None:
    task = load_plugins().task("classification")
    texts = ["where is my card", "my card has not arrived", "top up failed", "the top-up did not work", "好的，谢谢你"]
    train = Table({"text": texts, "label": ["arrival", "arrival", "top_up", "top_up", "thanks"]}, range(2, 7), "train.csv")
    test = Table(
        {"text": ["x", "my card did not arrive", "好的，谢谢"], "label": ["?", "top_up", "thanks"]}, range(2, 5), "test.csv"
    )
    found = nearest_training_rows(task, train, test, [1, 2], seed=0)
    assert found[0][0].text == "my card has not arrived"
    assert (found[0][0].targets, found[0][0].line) == (["arrival"], 3)
    assert found[1][0].targets == ["thanks"]
    assert all(a.similarity >= b.similarity > 0 for near in found for a, b in pairwise(near))


def test_a_sample_of_many_training_rows_is_searched() -> None:
    task = load_plugins().task("classification")
    texts = [f"row number {i}" for i in range(SAMPLE + 500)]
    train = Table({"text": texts, "label": ["a"] * len(texts)}, range(2, len(texts) + 2), "train.csv")
    found = [nearest_training_rows(task, train, train.take([SAMPLE]), [0], seed=7)[0] for _ in range(2)]
    assert found[0] == found[1]
    assert len(found[0]) == 3


@pytest.mark.parametrize(
    "chart",
    [
        Lines("curve <&>", "step", "loss", [Series("a <b>", [1.0, None, 3.0], [1, 2, 3]), Series("c", [2.0], [1])]),
        Lines("one point", "x", "y", [Series("a", [0.0], [0])]),
        Lines("reliability", "x", "y", [Series("a", [0.1, 0.9], [0.2, 0.8])], diagonal=True),
        Lines("lengths", "x", "y", [Series("train", [1.0, 2.0, 0.0], [1, 5, 9])], steps=True),
        Bars("named", ["a", "long " * 20], [Series("x", [1.0, None]), Series("y", [0.0, 1e9])], " MB", ["a"]),
        Bars("thin", [f"label {i}" for i in range(77)], [Series("x", [float(i) for i in range(77)])], " %"),
        Bars("nothing", ["a"], [Series("x", [0.0])]),
    ],
    ids=lambda chart: chart.title,
)
def test_a_chart_is_well_formed_named_and_described(chart: Lines | Bars) -> None:
    drawn = svg(chart, "c1")
    root = ElementTree.fromstring(drawn)
    title, description = root[0], root[1]
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert title.text == chart.title
    assert description.text
    assert not re.search(r"nan|inf|http|<script", drawn)


def test_a_chart_of_nothing_is_not_drawn() -> None:
    assert svg(Lines("t", "x", "y", [Series("a", [], [])]), "c") == ""
    assert svg(Bars("t", [], []), "c") == ""


def test_axis_ticks_are_round_and_inside() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(3, 97) == [20, 40, 60, 80]
    assert ticks(5, 5) == [5]


def test_a_section_with_charts_prints_as_its_table() -> None:
    shown = Section("Labels", ("label", "rows"), [("a", 3)], charts=[Bars("rows", ["a"], [Series("train", [3.0])])])
    assert as_text(shown).splitlines() == ["Labels", "label      rows", "-------  ------", "a             3"]


def test_only_marked_cells_of_a_section_are_masked_and_long_ones_cut() -> None:
    given = Section("Mistakes of @bob", ("text", "file"), [(Text("mail @bob"), "/data/@bob/a.csv")], Text("by @bob"))
    masked = disclosed(given, Disclosure())
    assert (masked.title, masked.rows, masked.note) == (
        "Mistakes of @bob",
        [["mail [handle]", "/data/@bob/a.csv"]],
        "by [handle]",
    )
    assert disclosed(given, Disclosure(texts=False)).rows == [[LEFT_OUT, "/data/@bob/a.csv"]]
    long = Section("t", ("text",), [(Text("word " * 79 + "bob.smith@example.com"),)])
    cell = str(disclosed(long, Disclosure()).rows[0][0])
    assert len(cell) <= 400
    assert "bob" not in cell


@pytest.fixture
def personal(tmp_path: Path) -> str:
    """Data in which every text gives away somebody's addresses."""
    return f"data.train={write_csv(tmp_path / 'reviews.csv', [(f'{t} {CONTACT}', label) for t, label in rows(120)])}"


def left(folder: Path, said: str) -> str:
    """Everything that a run says and stores for people."""
    files = [folder / name for name in ("report.html", "report.json", "run.log", "config.yaml", "artifact/golden.jsonl")]
    files += [folder / "artifact" / "manifest.json", folder / "artifact" / "recipe.yaml"]
    return said + "".join(path.read_text("utf-8") for path in files)


def test_personal_data_is_masked_wherever_texts_are_shown_or_stored(
    tmp_path: Path, small: list[str], personal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = framework.run_recipe("sentiment", *small, personal, "trainer.max_steps=2", folder=tmp_path / "run")
    everything = left(folder, capsys.readouterr().out)
    assert [found for found in GIVEN if found in everything.replace(str(tmp_path), "")] == []
    golden = [json.loads(line) for line in (folder / "artifact" / "golden.jsonl").read_text("utf-8").splitlines()]
    assert all("write to [email] or [handle], call [phone], see [link]" in g["request"]["text"] for g in golden)
    framework.load(folder).replay_golden()
    nearest = section(report(folder), "Most confident mistakes")["nearest"]
    assert "[email]" in nearest[0][0]["text"]


def test_personal_data_is_kept_when_asked_for(tmp_path: Path, small: list[str], personal: str) -> None:
    folder = framework.run_recipe("sentiment", *small, personal, "trainer.max_steps=2", "export=[quick]",
                                  "report.personal_data=keep", folder=tmp_path / "run")  # fmt: skip
    for name in ("report.html", "artifact/golden.jsonl"):
        assert CONTACT in (folder / name).read_text("utf-8")


def test_texts_are_left_out_of_report_and_log(
    tmp_path: Path, small: list[str], csv_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = framework.run_recipe("sentiment", *small, "trainer.max_steps=2", "export=[quick]", "report.texts=false",
                           "artifact.golden=synthetic", folder=tmp_path / "run")  # fmt: skip
    everything = left(folder, capsys.readouterr().out)
    texts = [line.rpartition(",")[0] for line in csv_file.read_text("utf-8").splitlines()[1:]]
    assert [text for text in texts if text in everything] == []
    mistakes = section(report(folder), "Most confident mistakes")
    assert mistakes["rows"][0][0] == LEFT_OUT
    assert "nearest" not in mistakes
    assert f"next:     python -m framework predict {tmp_path / 'latest'} 'What a lovely day, thank you all!'" in everything
