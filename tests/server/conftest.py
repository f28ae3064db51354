"""Artifacts to serve, and servers that the tests share which change nothing in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import framework
from tests.server.serving import Serving, serving
from tests.tiny import install

ODD = Path(__file__).with_name("odd_surfaces.py")
WORDS = {  # of its page, and what they are in Chinese
    "__init__.py": "",
    "page.html": '<p>Plain &amp; simple</p><!-- remark --><b><!-- message("Loud <") --></b>',
    "page.js": 'page.describe = () => { document.title = message("Quiet"); };',
    "zh.json": '{"Sure": "按把握排序", "Loud <": "大声 <"}',
}


@pytest.fixture(scope="session")
def other_run(tmp_path_factory: pytest.TempPathFactory, small: list[str]) -> Path:
    """A second artifact of the same recipe."""
    overrides = [*small, "trainer.max_epochs=1", "export=[onnx]", "seed=7"]
    return framework.run_recipe("sentiment", *overrides, folder=tmp_path_factory.mktemp("runs") / "other")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("server"), f"tone={run_folder}") as running:
        yield running


@pytest.fixture
def copies(tmp_path: Path, run_folder: Path, other_run: Path) -> tuple[Path, Path]:
    """Two artifacts that a test may damage."""
    return (
        Path(shutil.copytree(run_folder / "artifact", tmp_path / "first")),
        Path(shutil.copytree(other_run / "artifact", tmp_path / "second")),
    )


@pytest.fixture(scope="session")
def chatting(tmp_path_factory: pytest.TempPathFactory, talk: Path, run_folder: Path) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("chatting"), f"talk={talk}", f"tone={run_folder}") as running:
        yield running


@pytest.fixture(scope="session")
def recommending(tmp_path_factory: pytest.TempPathFactory, recommender: Path, run_folder: Path) -> Iterator[Serving]:
    """Tests add nothing to it."""
    with serving(tmp_path_factory.mktemp("recommending"), f"films={recommender}", f"tone={run_folder}") as running:
        yield running


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory, csv_file: Path) -> Path:
    """An artifact with a graph, fitted in a moment."""
    given = [f"data.train={csv_file}", "candidates=[linear]", "export=[onnx]", "tracker=none"]
    return framework.run_recipe("sentiment", *given, folder=tmp_path_factory.mktemp("runs") / "light")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the distribution of a stranger with surfaces is installed."""
    folder = tmp_path_factory.mktemp("site")
    install(folder, "odd-plugin", "odd_surfaces")
    shutil.copy(ODD, folder)
    (folder / "odd_words").mkdir()
    for name, text in WORDS.items():
        (folder / "odd_words" / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where those surfaces tell what has come about."""
    return tmp_path_factory.mktemp("marks")


def environment(site: Path, marks: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "MARKS": str(marks), **more}


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory, light: Path, site: Path, marks: Path) -> Iterator[Serving]:
    arguments = (f"tone={light}", "--timeout", "1", "--max-inputs", "40")
    with serving(tmp_path_factory.mktemp("odd"), *arguments, env=environment(site, marks)) as running:
        yield running
