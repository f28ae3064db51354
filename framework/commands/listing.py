"""``recipes`` and ``plugins``: list what can be run and what is installed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from framework.contracts.section import Section
from framework.plugins import load_plugins

RECIPES = """examples:
  python -m framework recipes
  python -m framework recipe=sentiment --cfg job     every key of one, with its value

Your own recipes stand in ./recipes/recipe/NAME.yaml, where you start the command."""
PLUGINS = """examples:
  python -m framework plugins

A plugin arrives with pip: a distribution with an entry point in the group framework.plugins."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m framework {verb}",
        description="lists recipes"
        if verb == "recipes"
        else "lists tasks, candidates, formats, exporters, surfaces and the distributions they came from",
        epilog=RECIPES if verb == "recipes" else PLUGINS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    from framework.report.console import as_text

    listing = recipes() if verb == "recipes" else plugins()
    print(as_text(listing, len(listing.rows)))
    return 0


def recipes() -> Section:
    """A table of all recipes, with the first line of the comment in each file; the note names files that another recipe of the
    same name hides, and folders that do not exist.
    """
    from framework.recipe.automatic import ABOUT, AUTO
    from framework.recipe.compose import recipe_roots

    rows, notes, owner = [(AUTO, ABOUT, "")], ["run one: python -m framework recipe=NAME"], dict[str, Path]()
    for root in recipe_roots():
        try:
            folder = _folder(root)
        except ModuleNotFoundError as error:
            notes.append(f"warning: {root}, which a plugin registered, does not exist: {error}")
            continue
        for path in sorted((folder / "recipe").glob("*.yaml")):
            if path.stem in owner:
                notes.append(f"{owner[path.stem]} hides {path}")
                continue
            owner[path.stem] = path
            rows.append((path.stem, _first_comment(path), str(path)))
    return Section("Recipes", ("name", "what it does", "file"), rows, "\n".join(notes))


def plugins() -> Section:
    """A table of everything that plugins registered, with its distribution; the note says what cannot be used, and why."""
    from framework.server.surfaces.registry import bind_surfaces

    registry = load_plugins()
    bind_surfaces(registry)
    for task in registry.every_task():
        registry.candidates_of(task.name)
    list(registry.every_format())
    rows = [(*key.split(" ", 1), origin) for key, origin in sorted(registry.origin.items())]
    notes = [f"warning: {plugin}" for plugin in registry.broken]
    return Section("Plugins", ("kind", "name", "distribution"), rows, "\n".join(notes))


def _folder(root: str) -> Path:
    kind, _, address = root.partition("://")
    if kind == "file":
        return Path(address)
    import importlib.resources

    return Path(str(importlib.resources.files(address.replace("/", "."))))


def _first_comment(path: Path) -> str:
    lines = [line.strip("# \n") for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return next((line for line in lines if line and not line.startswith("@package")), "")
