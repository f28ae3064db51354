"""What the report of a run says, gathered from what its stages left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from omegaconf import OmegaConf

from framework.contracts.candidate import read_fitted
from framework.contracts.facts import ModelFacts
from framework.contracts.plain import to_plain
from framework.contracts.table import Splits
from framework.errors import some
from framework.evaluation.scoreboard import Standing, standing, verdict
from framework.export.reports import ExportReport
from framework.machine.versions import library_versions, machine
from framework.report.console import Shown
from framework.report.nearest_rows import SAMPLE, nearest_training_rows
from framework.report.page import write_report
from framework.run.context import Run
from framework.run.fit import FITTED
from framework.run.judging import Judgement
from framework.run.selection import Selection


def report_run(run: Run, splits: Splits, report: ExportReport, judgement: Judgement, selection: Selection) -> None:
    """report.html and report.json in the run's folder. They begin with whether the model beats its baselines."""
    title = run.candidates[report.candidate].title
    facts = read_fitted(run.folder.trial(report.candidate) / FITTED).facts
    evaluation, beside = judgement.evaluation(), judgement.beside(run)
    place = standing(run.metric, evaluation, beside)
    sections = run.console.sections
    content: dict[str, Any] = {
        "verdict": verdict(title, evaluation, place),
        "standing": {**asdict(place), "beats": place.beats},
        "recipe": run.recipe,
        "task": run.task.name,
        "candidate": report.candidate,
        "selection": to_plain(selection),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": list(_summary(splits, report, judgement, place)),
        "decisions": list(_decisions(run, splits, facts, report, selection)),
        "metrics": {title: evaluation.metrics, **{title: one.metrics for title, one in beside.items()}},
        "files": _files(report),
        "default": report.default.name,
        "verified": report.checks,
        "sections": [_with_neighbours(run, splits, shown) for shown in sections],
        "data": to_plain(splits.about),
        "model": to_plain(facts),
        "environment": {"machine": machine(), "versions": library_versions()},
        "config": OmegaConf.to_container(run.config, resolve=True),
    }
    write_report(run.folder.path, content, sections, OmegaConf.to_yaml(run.config, resolve=True))


def _files(report: ExportReport) -> dict[str, Any]:
    files = {"trained module": {**to_plain(report.reference), "ships": True}}
    for one in report.variants:
        facts = {"decision": one.decision, "parity": to_plain(one.parity), "ships": one.shipped}
        files[one.name] = {**to_plain(one.measurement), **facts}
    return files


def _summary(splits: Splits, report: ExportReport, judgement: Judgement, place: Standing) -> Iterator[dict[str, str]]:
    """The numbers that a reader looks for first: a name, the number, what it stands beside."""
    rows, untested = splits.rows(), judgement.model.untested
    beside = "no baseline" if place.baseline is None else f"{place.baseline_value:.3f} for {place.baseline}"
    beside += f"; without {some(untested, most=3)}, of which there are no test rows" if untested else ""
    yield {"name": f"{place.metric} on test", "value": f"{place.value:.3f}", "beside": beside}
    yield {
        "name": "training rows",
        "value": f"{rows['train']:,}",
        "beside": f"{rows['validation']:,} to decide on, {rows['test']:,} to judge by",
    }
    default, reference = report.default.measurement, report.reference
    yield {
        "name": f"the file that answers, {report.default.name}",
        "value": f"{default.bytes / 1e6:.3g} MB",
        "beside": f"{_times(reference.bytes, default.bytes, 'smaller', 'larger')} than the trained module",
    }
    yield {
        "name": "answers a second, in batches",
        "value": f"{default.per_second:,.0f}",
        "beside": f"{_times(default.per_second, reference.per_second, 'faster', 'slower')} than the trained module; "
        f"one alone takes {default.milliseconds:.1f} ms",
    }


def _times(more: float, less: float, better: str, worse: str) -> str:
    more, less = max(more, 1e-9), max(less, 1e-9)
    return f"{more / less:.1f} times {better}" if more >= less else f"{less / more:.1f} times {worse}"


def _decisions(
    run: Run, splits: Splits, facts: ModelFacts, report: ExportReport, selection: Selection
) -> Iterator[Mapping[str, str]]:
    """What was decided, about what, a sentence each, in the order of the run."""
    for note in splits.notes:
        yield {"about": "data", "sentence": note}
    for name, reasons in selection.refused.items():
        yield {"about": "candidates", "sentence": f"{run.candidates[name].title} ({name}) is left out: {'; '.join(reasons)}"}
    if selection.ranking:
        values = ", ".join(f"{one.candidate} {one.metrics[selection.metric]:.4f}" for one in selection.ranking)
        yield {
            "about": "candidates",
            "sentence": f"{selection.winner} ships, best by {selection.metric} on validation: {values}",
        }
    training = facts.training
    if training is not None:
        sentence = f"the weights after epoch {training.epochs} are used, the best on validation"
        yield {"about": "training", "sentence": sentence}
    for check in report.checks:
        yield {"about": "codec", "sentence": check}
    for variant in report.variants:
        yield {"about": variant.name, "sentence": variant.decision}
    why = "the smallest of the files that ship and run without torch, unless it is clearly slower than another"
    yield {"about": "default", "sentence": f"{report.default.name} answers when no variant is named: {why}"}


def _with_neighbours(run: Run, splits: Splits, shown: Shown) -> dict[str, Any]:
    """A section as data; where it is about test rows, with the training rows most like each."""
    content = {"step": shown.step, **asdict(shown.section)}
    if not shown.section.about or not run.console.disclosure.texts:
        return content
    nearest = nearest_training_rows(run.task, splits.train, splits.test, shown.section.about, run.config.seed)
    plain = [[{**asdict(row), "text": run.console.disclosure.cell(row.text)} for row in rows] for rows in nearest]
    return {**content, "nearest": plain, "searched": min(SAMPLE, len(splits.train))}
