"""The report of a run: one page for people, the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from omegaconf import OmegaConf

from framework.contracts.candidate import Fitted
from framework.contracts.evaluation import Evaluation
from framework.contracts.section import Section
from framework.contracts.table import Splits
from framework.errors import some
from framework.evaluation.judge import standing, verdict
from framework.export.variants import Variants
from framework.machine.disk import whole
from framework.machine.versions import library_versions, machine
from framework.report.console import Shown
from framework.report.nearest_rows import SAMPLE, nearest_training_rows
from framework.report.svg import svg
from framework.run.job import Job

GROUPS = {"evaluate": "On the test rows", "export and verify": "The files", "fit": "Training", "data": "The data"}


def write_report(job: Job, splits: Splits, fitted: Fitted, scores: Mapping[str, Evaluation], variants: Variants) -> None:
    """report.html and report.json in the run's folder. They begin with whether the model beats its baselines."""
    found = standing(job, scores)
    content: dict[str, Any] = {
        "verdict": verdict(job, scores),
        "standing": {**asdict(found), "beats": found.beats},
        "recipe": job.recipe,
        "task": job.task.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": list(_summary(job, splits, fitted, scores, variants)),
        "decisions": list(_decisions(job, splits, fitted, variants)),
        "metrics": {name: score.metrics for name, score in scores.items()},
        "files": {m.name: {**m.facts(), "ships": m.shipped} for m in [variants.reference, *variants.all]},
        "default": variants.default.name if variants.default else None,
        "verified": variants.checks,
        "sections": [_with_neighbours(job, splits, shown) for shown in job.console.sections],
        "data": dict(splits.about),
        "model": dict(fitted.facts),
        "environment": {"machine": machine(), "versions": library_versions()},
        "config": OmegaConf.to_container(job.config, resolve=True),
    }
    with whole(job.folder / "report.json") as file:
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
    page = render(content, job.console.sections, OmegaConf.to_yaml(job.config, resolve=True))
    with whole(job.folder / "report.html") as file:
        file.write_text(page, encoding="utf-8")


def _summary(
    job: Job, splits: Splits, fitted: Fitted, scores: Mapping[str, Evaluation], variants: Variants
) -> Iterator[dict[str, str]]:
    """The numbers that a reader looks for first: a name, the number, what it stands beside."""
    found, rows = standing(job, scores), splits.rows()
    beside = "no baseline" if found.baseline is None else f"{found.baseline_value:.3f} for {found.baseline}"
    untested = scores[job.task.model.name].untested
    beside += f"; without {some(untested, most=3)}, of which there are no test rows" if untested else ""
    yield {"name": f"{found.metric} on test", "value": f"{found.value:.3f}", "beside": beside}
    yield {
        "name": "training rows",
        "value": f"{rows['train']:,}",
        "beside": f"{rows['validation']:,} to decide on, {rows['test']:,} to judge by",
    }
    if variants.default:
        chosen, reference = variants.default, variants.reference
        yield {
            "name": f"the file that answers, {chosen.name}",
            "value": f"{chosen.bytes / 1e6:.3g} MB",
            "beside": f"{_times(reference.bytes, chosen.bytes, 'smaller', 'larger')} than the trained module",
        }
        yield {
            "name": "answers a second, in batches",
            "value": f"{chosen.per_second:,.0f}",
            "beside": f"{_times(chosen.per_second, reference.per_second, 'faster', 'slower')} than the trained module; "
            f"one alone takes {chosen.milliseconds:.1f} ms",
        }


def _times(more: float, less: float, better: str, worse: str) -> str:
    return f"{more / less:.1f} times {better}" if more >= less else f"{less / more:.1f} times {worse}"


def _decisions(job: Job, splits: Splits, fitted: Fitted, variants: Variants) -> Iterator[dict[str, str]]:
    """What was decided, about what, a sentence each, in the order of the run."""
    for note in splits.notes:
        yield {"about": "data", "sentence": note}
    if "epochs" in fitted.facts:
        yield {
            "about": "training",
            "sentence": f"the weights after epoch {fitted.facts['epochs']} are used, the best on validation",
        }
    for check in variants.checks:
        yield {"about": "codec", "sentence": check}
    for measured in variants.all:
        yield {"about": measured.name, "sentence": measured.decision}
    if variants.default:
        why = "the smallest of the ONNX files that ship, unless it is clearly slower than another"
        yield {"about": "default", "sentence": f"{variants.default.name} answers when no variant is named: {why}"}


def _with_neighbours(job: Job, splits: Splits, shown: Shown) -> dict[str, Any]:
    """A section as data; where it is about test rows, with the training rows most like each."""
    content = {"step": shown.step, **asdict(shown.section)}
    if not shown.section.about or not job.console.disclosure.texts:
        return content
    nearest = nearest_training_rows(job.task, splits.train, splits.test, shown.section.about, job.config.seed)
    plain = [[{**asdict(row), "text": job.console.disclosure.cell(row.text)} for row in rows] for rows in nearest]
    return {**content, "nearest": plain, "searched": min(SAMPLE, len(splits.train))}


@dataclass(frozen=True)
class PageSection:
    """A section as the page shows it.

    figures: its charts as SVG. numeric: for each column whether it holds numbers only. shares: for a matrix, each
    cell's share of its row, None for what is no number.
    """

    name: str
    section: Section
    figures: Sequence[tuple[str, str]]
    numeric: Sequence[bool]
    shares: Sequence[Sequence[float | None]]
    nearest: Sequence[Sequence[Mapping[str, Any]]]
    searched: int


def render(content: Mapping[str, Any], sections: Sequence[Shown], yaml: str) -> str:
    """The page. Sections that lead come first, then those of each step."""
    pages = [_page(f"s{i}", shown.section, content["sections"][i]) for i, shown in enumerate(sections)]
    groups: dict[str, list[PageSection]] = {"The result": [page for page in pages if page.section.leads]}
    steps = sorted({shown.step for shown in sections}, key=lambda step: [*GROUPS, step].index(step))
    for step in steps:
        rest = [page for page, shown in zip(pages, sections, strict=True) if shown.step == step and not page.section.leads]
        groups.setdefault(GROUPS.get(step, step.capitalize()), []).extend(rest)
    groups = {title: found for title, found in groups.items() if found}
    environment = Environment(loader=PackageLoader("framework.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("report.html").render(**content, groups=groups, yaml=yaml)


def _page(name: str, section: Section, content: Mapping[str, Any]) -> PageSection:
    figures = [(chart.title, svg(chart, f"{name}-{i}")) for i, chart in enumerate(section.charts)]
    columns = list(zip(*section.rows, strict=True)) if section.rows else []
    return PageSection(
        name=name,
        section=section,
        figures=[(title, drawn) for title, drawn in figures if drawn],
        numeric=[all(_is_number(cell) for cell in column) for column in columns],
        shares=[_shares(row) for row in section.rows] if section.heat else [],
        nearest=content.get("nearest", ()),
        searched=content.get("searched", 0),
    )


def _is_number(cell: object) -> bool:
    """Whether a cell reads as a number; an empty one does not disturb a column of them."""
    text = str(cell).strip().rstrip("%").replace(",", "").strip()
    try:
        return not text or float(text) is not None
    except ValueError:
        return False


def _shares(row: Sequence[Any]) -> list[float | None]:
    total = sum(cell for cell in row if isinstance(cell, int | float))
    return [round(cell / total, 3) if isinstance(cell, int | float) and total else None for cell in row]
