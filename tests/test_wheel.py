"""What an operator installs: the wheel with its serve extra, in a fresh environment without torch."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from framework.testing.conformance import HEAVY
from tests.server.serving import serving
from tests.tiny import rows, write_csv

ROOT = Path(__file__).parents[1]
# Neither the folder that tests are run in nor PYTHONPATH is looked into: both may hold the sources.
APART = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, "PYTHONSAFEPATH": "1"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and its serve extra."""
    folder = tmp_path_factory.mktemp("wheel")
    probe = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "pluggy"], capture_output=True
    )
    if probe.returncode:
        pytest.skip("no package index can be reached, so the wheel's dependencies cannot be installed")
    build: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("recipe_framework-*.whl")
    venv.create(folder / "venv", symlinks=True)
    found = folder / "venv" / "bin" / "python"
    install: list[str | Path] = [sys.executable, "-m", "pip", "--python", found, "install", "--quiet"]
    install += ["-c", ROOT / "constraints.txt", f"{wheel}[serve]"]
    subprocess.run(install, check=True, capture_output=True)
    return found


def test_it_holds_none_of_the_training_libraries(python: Path) -> None:
    code = f"""
import framework
from importlib.util import find_spec
assert "site-packages" in framework.__file__
assert not [name for name in {HEAVY!r} if find_spec(name)]
"""
    subprocess.run([python, "-c", code], check=True, env=APART)
    done = subprocess.run([python, "-m", "framework", "recipe=sentiment"], capture_output=True, text=True, env=APART)
    assert done.returncode == 1
    assert "pip install 'recipe-framework[train]'" in done.stderr


def test_it_predicts(python: Path, run_folder: Path, tmp_path: Path) -> None:
    source, out = write_csv(tmp_path / "in.csv", rows(5)), tmp_path / "out.csv"
    files = ["--file", str(source), "--out", str(out)]
    subprocess.run([python, "-m", "framework", "predict", run_folder, *files], check=True, capture_output=True, env=APART)
    with out.open(encoding="utf-8", newline="") as stream:
        assert [row["predicted_label"] for row in csv.DictReader(stream)] == [label for _, label in rows(5)]


def test_it_serves(python: Path, run_folder: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "s", run_folder, python=python, env=APART) as server:
        assert server.predict("the lovely flight").json()["predictions"][0]["label"] == "positive"
        assert "Try the model" in server.get("/").text
        assert server.get("/docs/swagger-ui-bundle.js").status_code == 200
        assert "recipe-framework" in server.get("/openapi.json").text
