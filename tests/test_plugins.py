"""Plugins arrive from outside, by entry point; one that is broken is named and stops nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from framework import plugins
from framework.contracts.exporter import Exporter
from framework.contracts.graph import Graph
from framework.errors import FrameworkError, InputError
from framework.plugins import Plugins, load_plugins
from framework.testing import ExporterConformance, TaskConformance
from tests import forked
from tests.server.serving import serving
from tests.tiny import install

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "example-plugin" / "src"
GRADED = DOCS / "example-plugin" / "graded.csv"
PASSAGE = "The dog ran. Thermodynamics imposes fundamental limitations on mechanical efficiency. It is hot, and we swim."


def command(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(folder, *arguments, path=[site])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A place on sys.path with the example plugin of the docs installed."""
    shutil.copytree(EXAMPLE, tmp_path / "site")
    install(tmp_path / "site", "acme-readability", "acme_readability")
    return tmp_path / "site"


def test_a_task_that_lives_outside_is_run_exported_proven_and_served(site: Path, tmp_path: Path) -> None:
    ran = command(site, tmp_path, "recipe=readability", f"data.train={GRADED}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "The least squares beats the best baseline, mean grade" in ran.stdout
    for file in ("onnx", "formula"):
        assert f"{file}: equals the trained module on " in ran.stdout
    latest = tmp_path / "runs" / "readability" / "latest"
    answer = json.loads(command(site, tmp_path, "predict", str(latest), PASSAGE).stdout)
    assert (answer["words_per_sentence"], answer["words_per_clause"], answer["long_words"]) == (5.333, 4.0, 0.375)
    learned = json.loads((latest / "artifact" / "formula" / "formula.json").read_text())
    byhand = sum(weight * answer[name] for weight, name in zip(learned["weight"][0], list(answer)[-5:], strict=True))
    assert answer["grade"] == pytest.approx(byhand + learned["bias"][0], abs=0.06)
    ran = command(site, tmp_path, "export", str(latest), "artifact.golden=synthetic")  # a fit without checkpoints
    assert "files made again" in ran.stdout
    ran = command(site, tmp_path, "evaluate", str(latest), str(GRADED), "--max", "mean_absolute_error=0")
    assert ran.returncode == 3
    assert "gate FAILS: mean_absolute_error is " in ran.stdout
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    with serving(tmp_path / "s", latest, env={"PYTHONPATH": path}) as server:
        sentences = server.post("/v1/models/readability/hardest", {"text": PASSAGE}).json()["sentences"]
        assert [one["sentence"].split()[0] for one in sentences] == ["Thermodynamics", "It", "The"]
        assert sentences[0]["grade"] == server.predict(sentences[0]["sentence"]).json()["predictions"][0]["grade"]
        refused = server.post("/v1/models/readability/hardest", {"text": "?!"})
        assert (refused.status_code, "a text with at least one word" in refused.json()["error"]) == (422, True)
        assert server.metric("framework_hardest_sentences_total", model="readability") == 3


def test_a_model_whose_grade_is_always_the_same_ranks_no_sentences(site: Path, tmp_path: Path) -> None:
    ran = command(site, tmp_path, "recipe=readability", f"data.train={GRADED}", "candidates=[mean]")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    with serving(tmp_path / "s", tmp_path / "runs" / "readability" / "latest", env={"PYTHONPATH": path}) as server:
        refused = server.post("/v1/models/readability/hardest", {"text": PASSAGE})
        assert "gives every sentence the same grade" in refused.json()["error"]


def test_a_report_about_chinese_texts_is_chinese(site: Path, tmp_path: Path) -> None:
    easy, hard = (
        ("小狗跑了", "我爱妈妈", "天黑了"),
        ("鉴于国际形势错综复杂", "其饕餮纹饰与镌刻技艺", "这一学说所蕴含的深邃哲理"),
    )
    rows = []
    for number in range(60):
        grade = number % 6
        clauses = [(easy, hard)[part < grade][(number // 6 + part) % 3] for part in range(1 + grade)]
        rows.append(f"第{number}篇。{'，'.join(clauses)}。,{grade + 1}")
    (tmp_path / "年级.csv").write_text("\n".join(["文本,年级", *rows]), "utf-8")
    ran = command(site, tmp_path, "recipe=readability", "data.train=年级.csv")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = (tmp_path / "runs" / "readability" / "latest" / "report.html").read_text("utf-8")
    catalogue = json.loads((site / "acme_readability" / "zh.json").read_text("utf-8"))
    for template in ("Grades", "Furthest off", "Formula", "grades for each", "least squares", "mean grade"):
        assert (catalogue[template] in report, template in report) == (True, False), template
    assert "的回答最多相差一个等级" in report


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('"A dog ran.",B1', "line 21: the grade 'B1' is no number; write a school year or a level"),
        ('"A dog ran.",nan', "line 21: the grade 'nan' is no number"),
        ('"?! ...",3', "line 21: the text has no words; write some or remove the row"),
    ],
)
def test_its_problems_are_told_like_any_others(site: Path, tmp_path: Path, row: str, message: str) -> None:
    lines = GRADED.read_text("utf-8").splitlines()
    (tmp_path / "graded.csv").write_text("\n".join([*lines[:20], row, *lines[20:]]), "utf-8")
    ran = command(site, tmp_path, "recipe=readability", "data.train=graded.csv")
    assert (ran.returncode, f"graded.csv, {message}" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize("setting", ["task.long_word=0", "candidates.least_squares.ridge=-1", "export.formula.digits=0"])
def test_its_options_are_checked_when_the_recipe_is_composed(site: Path, tmp_path: Path, setting: str) -> None:
    ran = command(site, tmp_path, "recipe=readability", f"data.train={GRADED}", setting)
    assert (ran.returncode, f"{setting.partition('=')[0]}=" in ran.stderr, "must be at least" in ran.stderr) == (2, True, True)


def test_its_recipe_is_found_by_nearly_its_name(site: Path, tmp_path: Path) -> None:
    ran = command(site, tmp_path, "recipe=readabilty")
    recipes = "auto, dialogue, entities, generation, labels, readability, recommendation, sentiment"
    assert f"no recipe 'readabilty'; did you mean readability? available: {recipes}" in ran.stderr


def test_its_format_is_read_with_the_lines_of_the_file(site: Path, tmp_path: Path) -> None:
    reader = "".join(f"# grade: {1 + number % 9}\nThe dog ran {number} times.\nIt sat.\n\n" for number in range(40))

    def check(name: str, content: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / name).write_text(content)
        return command(site, tmp_path, "check", "recipe=readability", f"data.train={name}")

    ran = check("reader.txt", reader)
    assert (ran.returncode, "grade of reader.txt is the column 'grade' (by its name)" in ran.stdout) == (0, True), ran.stderr
    ran = check("reader.txt", f"# grade: five\nHi there.\n{reader}")
    assert (ran.returncode, "reader.txt, line 1: the grade 'five' is no number" in ran.stderr) == (2, True), ran.stderr
    ran = check("reader.txt", f"{reader}# grade: 5\n...\n")
    assert (ran.returncode, "reader.txt, line 161: the text has no words" in ran.stderr) == (2, True), ran.stderr
    ran = check("reader.grd", f"\nA preface\n{reader}")
    assert (ran.returncode, "reader.grd, line 2: no grade; write a line such as '# grade: 5'" in ran.stderr) == (2, True)


def test_an_exporter_from_outside_must_compute_what_the_model_computes(site: Path, tmp_path: Path) -> None:
    ran = command(site, tmp_path, "recipe=readability", f"data.train={GRADED}", "export.formula.digits=1")
    assert ran.returncode == 1
    assert "formula" in ran.stderr
    assert "grade differs by" in ran.stderr
    assert not (tmp_path / "runs" / "readability" / "latest").exists()


@pytest.fixture
def example(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example plugin in this process."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")])))
    plugins._load.cache_clear()
    yield
    plugins._load.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_readability"]:
        del sys.modules[name]


@pytest.mark.usefixtures("example")
def test_its_exporter_refuses_what_is_not_linear(tmp_path: Path) -> None:
    import torch

    from framework.plugins import resolve

    exporter = load_plugins().exporter("formula")
    graph = Graph("deep", (), (), {}, {}, source=torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()))
    with pytest.raises(InputError, match=r"export=\[formula\]: the graph deep is no linear formula; leave formula out"):
        resolve(exporter.export)([graph], tmp_path, exporter.options(), {})


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said “Go!” and left. Pi is 3.5, e.g. about that.", ["He said “Go!” and left.", "Pi is 3.5, e.g. about that."]),
        ("他说：“走吧！”大家就走了。真的？！", ["他说：“走吧！”", "大家就走了。", "真的？！"]),
        ("A title\n\nOne line\ngoes on. ...", ["A title", "One line\ngoes on."]),
    ],
)
def test_it_finds_sentences(text: str, expected: list[str]) -> None:
    from framework.plugins import resolve

    assert resolve("acme_readability.measures:sentences")(text) == expected


@pytest.mark.usefixtures("example")
def test_it_measures_chinese_by_characters_simplified_or_traditional() -> None:
    from framework.plugins import resolve

    measures = resolve("acme_readability.measures:measures")
    assert measures("这是狗，那是猫。", 7).tolist() == [6, 3, 1, 0, 0]
    assert measures("这是饕餮。", 7).tolist() == [4, 4, 1, 0, 0.5]
    assert measures("這是貓，於是龘。", 7).tolist() == [6, 3, 1, 0, pytest.approx(1 / 6)]


def test_a_broken_plugin_is_named_with_its_distribution_and_the_rest_goes_on(site: Path, tmp_path: Path) -> None:
    (site / "torn.py").write_text("import no_such_module\n")
    install(site, "torn-plugin", "torn")
    ran = command(site, tmp_path, "plugins")
    assert ran.returncode == 0
    assert "plugin torn of torn-plugin 1.0 cannot be used: ModuleNotFoundError: No module named 'no_such_module'" in ran.stdout
    assert "acme-readability 1.0" in ran.stdout
    ran = command(site, tmp_path, "recipe=sentiment", "task=torn")
    assert ran.returncode == 2
    assert "torn-plugin 1.0 cannot be used" in ran.stderr


def test_a_hook_that_does_not_exist_breaks_its_plugin_only(site: Path, tmp_path: Path) -> None:
    (site / "typo.py").write_text("import framework\n\n\n@framework.hookimpl\ndef register_task(register): ...\n")
    install(site, "typo-plugin", "typo")
    ran = command(site, tmp_path, "plugins")
    assert "plugin typo of typo-plugin 1.0 cannot be used" in ran.stdout
    assert "classification" in ran.stdout


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        ("register_tasks(register):\n    raise ValueError('torn')", "ValueError: torn"),
        ("register_exporters(register):\n    register(framework.Exporter('onnx', 'a:b', 'a:c', 'onnx'))", "registered twice"),
        (
            "register_recipes(register):\n    register('pkg://no_such.recipes')",
            "pkg://no_such.recipes, which a plugin",
        ),
    ],
)
def test_a_plugin_whose_hook_fails_stops_nobody(site: Path, tmp_path: Path, hook: str, reason: str) -> None:
    (site / "onnx_too.py").write_text(f"import framework\n\n\n@framework.hookimpl\ndef {hook}\n")
    install(site, "a-clash", "onnx_too")
    (site / "a-clash-1.0.dist-info" / "entry_points.txt").write_text("[framework.plugins]\nonnx = onnx_too\n")
    said = command(site, tmp_path, "plugins").stdout + command(site, tmp_path, "recipes").stdout
    assert "onnx_int8" in said
    assert "readability" in said
    assert reason in said + command(site, tmp_path, "recipes").stdout


def test_two_distributions_with_one_name_are_both_named() -> None:
    registry = Plugins()
    exporter = Exporter("onnx", "a:b", "a:c", "onnx")
    registry.add("exporter", "first 1.0", registry.exporters, "onnx", exporter)
    with pytest.raises(FrameworkError, match=r"exporter 'onnx' is registered twice: by first 1\.0 and by second 2\.0"):
        registry.add("exporter", "second 2.0", registry.exporters, "onnx", exporter)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    names = ["majority", "linear", "static", "frozen", "contrastive", "fine_tuned"]
    assert list(load_plugins().candidates_of("classification")) == names
    with pytest.raises(InputError, match=r"no exporter 'onx'; did you mean onnx\?"):
        load_plugins().exporter("onx")


STRANGER = """
from framework import Candidate, CodecSpec, NoOptions, hookimpl, read_fitted, write_fitted


class Shortest(Candidate):
    name, title, options = "shortest", "always the shortest label", NoOptions

    def fit(self, data, context):
        shares = [float(label == min(data.labels, key=len)) for label in data.labels]
        write_fitted(context.output, CodecSpec("classification_constant", {"labels": data.labels, "shares": shares}))

    def open(self, folder):
        return read_fitted(folder)


@hookimpl
def register_candidates(register):
    register("classification", "stranger:Shortest")
    register("classification", "stranger:Missing")
"""


def test_a_stranger_adds_a_candidate_to_a_task_of_ours_and_one_that_is_broken_stops_nobody(
    tmp_path: Path, csv_file: Path
) -> None:
    site = tmp_path / "site"
    install(site, "a-stranger", "stranger")
    (site / "stranger.py").write_text(STRANGER)
    ran = command(site, tmp_path, "recipe=sentiment", f"data.train={csv_file}", "candidates=[shortest]", "tracker=none")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "The always the shortest label does NOT beat the baseline 'TF-IDF + logistic regression'" in ran.stdout
    assert json.loads(command(site, tmp_path, "predict", "runs/sentiment/latest", "the kind crew").stdout)["label"] == "neutral"
    assert "stranger:Missing of a-stranger 1.0 cannot be used" in ran.stderr + command(site, tmp_path, "plugins").stdout


@pytest.mark.usefixtures("example")
def test_a_stranger_brings_weights_from_where_they_keep_them(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_text import backbones
    from framework_text.options import BackboneAddress

    shutil.make_archive(str(tmp_path / "shelf" / "tiny"), "zip", model_folder)
    monkeypatch.setenv("ACME_SHELF", str(tmp_path / "shelf"))
    source = BackboneAddress("shelf://tiny")
    assert backbones.problems_with(source, ["bert"], 32) == []
    folder = backbones.fetch(source)
    assert (folder / "model.safetensors").read_bytes() == (model_folder / "model.safetensors").read_bytes()
    assert backbones.fetch(source) == folder
    with pytest.raises(InputError, match=r"tiny.zip has sha256 .*, the recipe pins 0"):
        backbones.fetch(BackboneAddress("shelf://tiny", sha256="0" * 64))
    assert "no file" in backbones.problems_with(BackboneAddress("shelf://other"), ["bert"], 32)[0]


@pytest.mark.usefixtures("example")
class TestExamplePlugin(TaskConformance):
    """The example passes the kit that its readers will inherit."""

    recipe = "readability"
    learned = 0.5  # of a grade, on average
    trains = False
    overfit: ClassVar[list[str]] = ["candidates.least_squares.ridge=0"]

    def overrides(self, folder: Path) -> list[str]:
        return [f"data.train={GRADED}"]


@pytest.mark.usefixtures("example")
class TestExampleExporter(ExporterConformance):
    recipe = "readability"
    exporters: ClassVar[list[str]] = ["onnx", "formula"]

    def overrides(self, folder: Path) -> list[str]:
        return [f"data.train={GRADED}"]
