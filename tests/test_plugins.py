"""Plugins arrive from outside, by entry point; one that is broken is named and stops nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from framework import plugins
from framework.contracts.exporter import Exporter
from framework.errors import FrameworkError, InputError
from framework.plugins import Plugins, load_plugins
from framework.testing import TaskConformance
from tests import forked
from tests.server.serving import serving
from tests.tiny import install

EXAMPLE = Path(__file__).parents[1] / "docs" / "example-plugin" / "src"


def command(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(folder, *arguments, path=[site])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A place on sys.path with the example plugin of the docs installed."""
    shutil.copytree(EXAMPLE, tmp_path / "site")
    install(tmp_path / "site", "acme-price", "acme_price")
    return tmp_path / "site"


def test_a_task_that_lives_outside_is_run_exported_proven_and_served(site: Path, tmp_path: Path) -> None:
    rows = [f"{size},{size * 2500 + (size * 7919) % 1000}" for size in range(20, 120)]
    (tmp_path / "flats.csv").write_text("\n".join(["area,cost", *rows]))
    ran = command(site, tmp_path, "recipe=price", "data.train=flats.csv", "task.currency=CHF")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "The least squares beats the best baseline, mean price" in ran.stdout
    assert "onnx: equals the trained module" in ran.stdout
    assert "next:     python -m framework predict runs/price/latest '" in ran.stdout
    said = command(site, tmp_path, "predict", "runs/price/latest", '{"size": 80}').stdout
    answer = json.loads(said)
    assert answer["currency"] == "CHF"
    assert answer["price"] == pytest.approx(200_500, abs=600)
    ran = command(site, tmp_path, "export", "runs/price/latest", "artifact.golden=synthetic")  # a fit without checkpoints
    assert "files made again" in ran.stdout
    ran = command(site, tmp_path, "evaluate", "runs/price/latest", "flats.csv", "--max", "mean_absolute_error=0")
    assert ran.returncode == 3
    assert "gate FAILS: mean_absolute_error is " in ran.stdout
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    with serving(tmp_path / "s", tmp_path / "runs" / "price" / "latest", env={"PYTHONPATH": path}) as server:
        predicted = server.predict(80, {"size": 45.5}).json()["predictions"]
        total = server.post("/v1/models/price/total", {"sizes": [80, 45.5]}).json()
        assert total == {"total": pytest.approx(sum(one["price"] for one in predicted), abs=0.01), "flats": 2}
        assert "input 2: a request is a size" in server.post("/v1/models/price/total", {"sizes": [80, "x"]}).json()["error"]
        assert server.metric("framework_total_flats_total", model="price") == 2


def test_its_problems_are_told_like_any_others(site: Path, tmp_path: Path) -> None:
    (tmp_path / "flats.csv").write_text("area,cost\n" + "20,50\n" * 30 + "big,100\n")
    ran = command(site, tmp_path, "recipe=price", "data.train=flats.csv")
    assert (ran.returncode, "flats.csv, line 32: size 'big' is not a number" in ran.stderr) == (2, True)
    nearest = command(site, tmp_path, "recipe=pric").stderr
    assert (
        "no recipe 'pric'; did you mean price? available: dialogue, entities, generation, price, recommendation, sentiment"
        in nearest
    )


def test_its_format_is_read_with_the_lines_of_the_file(site: Path, tmp_path: Path) -> None:
    listings = "".join(f"\nsize: {size}\nprice: {size * 2500}\n" for size in range(20, 60))
    (tmp_path / "flats.txt").write_text(f"%listings\n{listings}")
    ran = command(site, tmp_path, "check", "recipe=price", "data.train=flats.txt")
    assert (ran.returncode, "size of flats.txt is the column 'size' (by its name)" in ran.stdout) == (0, True), ran.stderr
    (tmp_path / "flats.lst").write_text(f"size: big\nprice: 1\n{listings}")
    ran = command(site, tmp_path, "check", "recipe=price", "data.train=flats.lst")
    assert (ran.returncode, "flats.lst, line 1: size 'big' is not a number" in ran.stderr) == (2, True), ran.stderr
    (tmp_path / "flats.lst").write_text(f"{listings}\na garden\n")
    ran = command(site, tmp_path, "check", "recipe=price", "data.train=flats.lst")
    assert (ran.returncode, "flats.lst, line 122: no colon; write a name" in ran.stderr) == (2, True), ran.stderr


def test_a_broken_plugin_is_named_with_its_distribution_and_the_rest_goes_on(site: Path, tmp_path: Path) -> None:
    (site / "torn.py").write_text("import no_such_module\n")
    install(site, "torn-plugin", "torn")
    ran = command(site, tmp_path, "plugins")
    assert ran.returncode == 0
    assert "plugin torn of torn-plugin 1.0 cannot be used: ModuleNotFoundError: No module named 'no_such_module'" in ran.stdout
    assert "acme-price 1.0" in ran.stdout
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
    assert "price" in said
    assert reason in said + command(site, tmp_path, "recipes").stdout


def test_two_distributions_with_one_name_are_both_named() -> None:
    registry = Plugins()
    exporter = Exporter("onnx", "a:b", "a:c", "onnx")
    registry.add("exporter", "first 1.0", registry.exporters, "onnx", exporter)
    with pytest.raises(FrameworkError, match=r"exporter 'onnx' is registered twice: by first 1\.0 and by second 2\.0"):
        registry.add("exporter", "second 2.0", registry.exporters, "onnx", exporter)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert list(load_plugins().candidates_of("classification")) == ["majority", "linear", "frozen", "fine_tuned"]
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


def test_a_stranger_brings_weights_from_where_they_keep_them(
    site: Path, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_text import backbones
    from framework_text.options import BackboneAddress

    shutil.make_archive(str(tmp_path / "shelf" / "tiny"), "zip", model_folder)
    monkeypatch.setenv("ACME_SHELF", str(tmp_path / "shelf"))
    monkeypatch.syspath_prepend(str(site))
    plugins._load.cache_clear()
    try:
        source = BackboneAddress("shelf://tiny")
        assert backbones.problems_with(source, ["bert"], 32) == []
        folder = backbones.fetch(source)
        assert (folder / "model.safetensors").read_bytes() == (model_folder / "model.safetensors").read_bytes()
        assert backbones.fetch(source) == folder
        with pytest.raises(InputError, match=r"tiny.zip has sha256 .*, the recipe pins 0"):
            backbones.fetch(BackboneAddress("shelf://tiny", sha256="0" * 64))
        assert "no file" in backbones.problems_with(BackboneAddress("shelf://other"), ["bert"], 32)[0]
        assert len((EXAMPLE / "acme_price" / "shelf.py").read_text().splitlines()) < 40
    finally:
        plugins._load.cache_clear()


class TestExamplePlugin(TaskConformance):
    """The example passes the kit that its readers will inherit."""

    recipe = "price"
    learned = 2000.0  # of a price, on average
    trains = False
    overfit: ClassVar[list[str]] = []

    @pytest.fixture(autouse=True)
    def installed(self, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site))
        plugins._load.cache_clear()
        yield
        plugins._load.cache_clear()

    def overrides(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [f"{size},{size * 2500 + (size * 7919) % 1000}" for size in range(20, 120)]
        (folder / "flats.csv").write_text("\n".join(["size,price", *rows]))
        return [f"data.train={folder / 'flats.csv'}"]
