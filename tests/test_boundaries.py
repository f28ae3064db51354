"""The shape of the house: hooks are documented, recipes open with their command, our plugins arrive like a stranger's."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from framework import hookspecs
from framework.plugins import load_plugins
from framework.recipe.compose import compose_recipe, own_recipes
from tests.tiny import labelled_rows, recommends, summaries, tiny_writer, write_csv

ROOT = Path(__file__).parents[1]
HOOKS = [name for name, value in vars(hookspecs).items() if inspect.isfunction(value) and hasattr(value, "framework_spec")]
RECIPES = sorted(path.stem for path in (own_recipes() / "recipe").glob("*.yaml"))


def test_every_hook_has_its_heading_in_the_docs() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "hooks.md").read_text("utf-8"), re.MULTILINE)
    assert headings == HOOKS


EXTRA = {  # recipes whose data and backbone are an extra
    "summarization": ["task.max_text=24"],
    "dialogue": ["task.max_context=24"],
    "generation": ["task.max_context=24", "task.max_answer=24"],
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_shipped_recipe_composes_and_opens_with_its_command(recipe: str, tmp_path: Path) -> None:
    text = (own_recipes() / "recipe" / f"{recipe}.yaml").read_text("utf-8")
    assert any(line.startswith(f"#   python -m framework recipe={recipe}") for line in text.splitlines())
    given = []
    if recipe == "entities":
        (tmp_path / "a.conll").write_text("the O\nflight B-thing\n\n" * 9)
        given = [f"data.train={tmp_path / 'a.conll'}"]
    if recipe == "recommendation":
        given = recommends(tmp_path)
    if recipe == "labels":
        several = [(text, "|".join(labels)) for text, labels in labelled_rows(30)]
        given = [f"data.train={write_csv(tmp_path / 'a.csv', several, ('text', 'labels'))}"]
    if recipe in EXTRA:
        given = [f"data.train={write_csv(tmp_path / 'a.csv', summaries())}", f"model.name={tiny_writer(tmp_path / 'model')}"]
        given += EXTRA[recipe]
    assert compose_recipe(recipe, given).task.name


def test_first_party_plugins_are_announced_like_a_strangers() -> None:
    names = {entry.name for entry in entry_points(group=hookspecs.GROUP)}
    assert {"classification", "onnx", "torchscript", "trackers"} <= names


def test_the_server_names_no_surface() -> None:
    """What clients can ask comes from plugins, ours like a stranger's."""
    names = re.compile(rf"\b({'|'.join(load_plugins().surfaces)})\b")
    files = [path for path in (ROOT / "framework" / "server").rglob("*") if path.suffix in (".py", ".js", ".html")]
    assert {path.name: found[0] for path in files if (found := names.search(path.read_text("utf-8")))} == {}


def test_modules_stay_small() -> None:
    long = {path.name: lines for path in [*ROOT.glob("framework/**/*.py"), *ROOT.glob("plugins/**/*.py")]
            if (lines := len(path.read_text("utf-8").splitlines())) > 300}  # fmt: skip
    assert long == {}


def test_accepted_tests_are_tests() -> None:
    lines = [line for line in (ROOT / "tests" / "accept.txt").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert len(set(lines)) == len(lines)
    for name in {line.partition(" ")[0] for line in lines}:
        path, *_, function = name.split("::")
        inherited = "Conformance" in name
        where = ROOT / ("framework/testing/conformance.py" if inherited else path)
        assert f"def {function}(" in where.read_text("utf-8"), f"tests/accept.txt names {name}, which is not there"
