"""Writes the report of a run as an HTML page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from framework.contracts.message import Message, message
from framework.contracts.section import Section
from framework.machine.disk import whole
from framework.report.console import Shown
from framework.report.language import Language
from framework.report.svg import svg

GROUPS = {
    "evaluate": message("On the test rows"),
    "shortlist": message("The candidates"),
    "export and verify": message("The files"),
    "fit": message("Training"),
    "data": message("The data"),
}


def write_report(folder: Path, content: Mapping[str, Any], sections: Sequence[Shown], yaml: str, language: Language) -> None:
    """Writes report.html, in `language`, and report.json, always in English, into a folder.

    content: the content of report.json; its ``sections`` are `sections` as plain data. yaml: the composed recipe.
    """
    with whole(folder / "report.json") as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
    page = render(content, sections, yaml, language)
    with whole(folder / "report.html") as file:
        file.write_text(page, encoding="utf-8")


@dataclass(frozen=True)
class PageSection:
    """A section with everything that the page's template needs."""

    name: str
    """An id that is unique in the page."""
    section: Section
    figures: Sequence[tuple[str, str]]
    """Title and SVG of each chart."""
    numeric: Sequence[bool]
    """For each column of the table, whether it holds only numbers and empty cells."""
    shares: Sequence[Sequence[float | None]]
    """For a matrix, each cell's share of the sum of its row, or None where the cell is no number; else empty."""
    nearest: Sequence[Sequence[Mapping[str, Any]]]
    """For each row of the table, the most similar training rows, as plain data; empty: they were not looked for."""
    searched: int
    """How many training rows were searched for `nearest`."""


def render(content: Mapping[str, Any], sections: Sequence[Shown], yaml: str, language: Language) -> str:
    """The HTML of the page: first the sections with `Section.leads`, then those of each stage. Arguments: as `write_report`."""
    on_page = [_page_section(f"s{i}", shown.section, content["sections"][i], language) for i, shown in enumerate(sections)]
    order = sorted({shown.step for shown in sections}, key=lambda step: [*GROUPS, step].index(step))
    leading = [(order.index(shown.step), i) for i, shown in enumerate(sections) if shown.section.leads]
    groups: dict[str, list[PageSection]] = {message("The result"): [on_page[i] for _, i in sorted(leading)]}
    for step in order:
        rest = [page for page, shown in zip(on_page, sections, strict=True) if shown.step == step and not page.section.leads]
        groups.setdefault(GROUPS.get(step, step.capitalize()), []).extend(rest)
    titled = {language.text(title): group for title, group in groups.items() if group}
    environment = Environment(loader=PackageLoader("framework.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip

    def say(template: str, **values: object) -> str:
        return language.text(Message(template, values))

    page = environment.get_template("report.html")
    return page.render(**language.translated(content), groups=titled, yaml=yaml, message=say, tag=language.tag)


def _page_section(name: str, original: Section, content: Mapping[str, Any], language: Language) -> PageSection:
    section = language.translated(original)
    figures = [(chart.title, svg(chart, f"{name}-{i}", language.text)) for i, chart in enumerate(section.charts)]
    columns = list(zip(*section.rows, strict=True)) if section.rows else []
    return PageSection(
        name=name,
        section=section,
        figures=[(title, figure) for title, figure in figures if figure],
        numeric=[all(_is_number(cell) for cell in column) for column in columns],
        shares=[_shares(row) for row in section.rows] if section.heat else [],
        nearest=content.get("nearest", ()),
        searched=content.get("searched", 0),
    )


def _is_number(cell: object) -> bool:
    """Whether a cell is empty or a number, possibly with thousands separators or a percent sign."""
    text = str(cell).strip().rstrip("%").replace(",", "").strip()
    try:
        return not text or float(text) is not None
    except ValueError:
        return False


def _shares(row: Sequence[Any]) -> list[float | None]:
    total = sum(cell for cell in row if isinstance(cell, int | float))
    return [round(cell / total, 3) if isinstance(cell, int | float) and total else None for cell in row]
