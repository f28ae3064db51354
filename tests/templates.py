"""Every template of a message that the source uses, read from its syntax trees and from the templates of its pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from framework.report.language import texts_of_page

ROOT = Path(__file__).parents[1]
TRANSLATED = {" ", ", ", "; ", " and ", " or "}  # separators of `joined` that are words or marks of a language


def templates() -> Mapping[str, list[str]]:
    """Template -> where it is used."""
    found: dict[str, list[str]] = {}
    for path in sorted([*ROOT.glob("framework/**/*.py"), *ROOT.glob("plugins/**/*.py")]):
        for template, line in _in_module(ast.parse(path.read_text("utf-8"))):
            found.setdefault(template, []).append(f"{path.relative_to(ROOT)}:{line}")
    pages = [*ROOT.glob("framework/**/templates/**/*.*"), *ROOT.glob("plugins/*/page/*")]
    for path in sorted(path for path in pages if path.is_file()):
        for template in texts_of_page(path.read_text("utf-8")):
            found.setdefault(template, []).append(str(path.relative_to(ROOT)))
    return found


def _in_module(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        )
        if name in ("message", "messages"):
            for argument in node.args:
                assert isinstance(argument, ast.Constant), (
                    f"line {node.lineno}: a template is written out, not {ast.unparse(node)}"
                )
                yield str(argument.value), node.lineno
        elif name == "joined" and len(node.args) == 2 and isinstance(node.args[1], ast.Constant):
            separator = str(node.args[1].value)
            if separator in TRANSLATED:
                yield f"{{one}}{separator}{{other}}", node.lineno
