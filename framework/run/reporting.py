"""The content of a run's report, gathered from the results of its stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from omegaconf import OmegaConf

from framework.contracts.candidate import read_fitted
from framework.contracts.data.table import Splits
from framework.contracts.facts import ModelFacts
from framework.contracts.message import Message, joined, listed, message
from framework.contracts.plain import to_plain
from framework.evaluation.scoreboard import Standing, standing, verdict
from framework.export.reports import ExportReport
from framework.machine.versions import library_versions, machine
from framework.report.console import Shown
from framework.report.language import language_of_run
from framework.report.nearest_rows import SAMPLE, nearest_training_rows
from framework.report.page import write_report
from framework.run.context import Run
from framework.run.folder import FITTED
from framework.run.judging import Judgement
from framework.run.selection import Selection


def report_run(run: Run, splits: Splits, report: ExportReport, judgement: Judgement, selection: Selection) -> None:
    """Writes report.html and report.json into the run's folder. Both begin with whether the shipped model beats the baselines.

    report, judgement: of the winner.
    """
    title = run.candidates[report.candidate].title
    facts = read_fitted(run.folder.trial(report.candidate) / FITTED).facts
    evaluation, baselines = judgement.evaluation(), judgement.baselines_by_title(run)
    place = standing(run.metric, evaluation, baselines)
    sections = run.console.sections
    language = language_of_run(run.config.report.language.name, run.task, splits)
    content: dict[str, Any] = {
        "verdict": verdict(title, evaluation, place),
        "standing": {**asdict(place), "beats": place.beats},
        "language": language.name,
        "recipe": run.recipe,
        "task": run.task.name,
        "candidate": report.candidate,
        "selection": to_plain(selection),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "summary": list(_summary(splits, report, judgement, place)),
        "decisions": list(_decisions(run, splits, facts, report, selection)),
        "metrics": {title: evaluation.metrics, **{title: baseline.metrics for title, baseline in baselines.items()}},
        "files": _files(report),
        "default": report.default.name,
        "verified": report.checks,
        "sections": [_section_content(run, splits, shown) for shown in sections],
        "data": dict(splits.about),
        "model": to_plain(facts),
        "environment": {"machine": machine(), "versions": library_versions()},
        "config": OmegaConf.to_container(run.config, resolve=True),
    }
    write_report(run.folder.path, content, sections, OmegaConf.to_yaml(run.config, resolve=True), language)


def _files(report: ExportReport) -> dict[str, Any]:
    files = {"trained module": {**to_plain(report.reference), "ships": True}}
    for variant in report.variants:
        facts = {"decision": variant.decision, "parity": to_plain(variant.parity), "ships": variant.shipped}
        files[variant.name] = {**to_plain(variant.measurement), **facts}
    return files


def _summary(splits: Splits, report: ExportReport, judgement: Judgement, place: Standing) -> Iterator[dict[str, str]]:
    """The most important numbers, each with a name and with a value to compare the number with."""
    rows, untested = splits.rows(), judgement.model.untested
    beside = message("no baseline")
    if place.baseline is not None:
        beside = message("{value:.3f} for {baseline}", value=place.baseline_value, baseline=place.baseline)
    if untested:
        labels = listed(untested, most=3)
        beside = message("{beside}; without {labels}, of which there are no test rows", beside=beside, labels=labels)
    yield {"name": message("{metric} on test", metric=place.metric), "value": f"{place.value:.3f}", "beside": beside}
    held_out = {"validation": rows["validation"], "test": rows["test"]}
    yield {
        "name": message("training rows"),
        "value": f"{rows['train']:,}",
        "beside": message("{validation:,} to decide on, {test:,} to judge by", **held_out),
    }
    default, reference = report.default.measurement, report.reference
    yield {
        "name": message("the file that answers, {file}", file=report.default.name),
        "value": f"{default.bytes / 1e6:.3g} MB",
        "beside": _size_beside(reference.bytes, default.bytes),
    }
    yield {
        "name": message("answers a second, in batches"),
        "value": f"{default.per_second:,.0f}",
        "beside": message(
            "{speed}; one alone takes {milliseconds:.3g} ms",
            speed=_speed_beside(default.per_second, reference.per_second),
            milliseconds=default.milliseconds,
        ),
    }


def _size_beside(module: float, file: float) -> Message:
    if module >= file:
        return message("{times:.1f} times smaller than the trained module", times=_ratio(module, file))
    return message("{times:.1f} times larger than the trained module", times=_ratio(file, module))


def _speed_beside(file: float, module: float) -> Message:
    if file >= module:
        return message("{times:.1f} times faster than the trained module", times=_ratio(file, module))
    return message("{times:.1f} times slower than the trained module", times=_ratio(module, file))


def _ratio(more: float, less: float) -> float:
    return max(more, 1e-9) / max(less, 1e-9)


def _decisions(
    run: Run, splits: Splits, facts: ModelFacts, report: ExportReport, selection: Selection
) -> Iterator[Mapping[str, str]]:
    """The decisions of the run, in order: a sentence each, and the subject of the sentence."""
    for note in splits.notes:
        yield {"about": message("data"), "sentence": note}
    for name, reasons in selection.refused.items():
        title = run.candidates[name].title
        sentence = message("{title} ({name}) is left out: {reasons}", title=title, name=name, reasons=joined(reasons, "; "))
        yield {"about": message("candidates"), "sentence": sentence}
    if selection.decision:
        yield {"about": message("candidates"), "sentence": selection.decision}
    for name, reason in selection.reasons.items():
        sentence = message("{name} does not ship: {reason}", name=name, reason=reason)
        yield {"about": message("candidates"), "sentence": sentence}
    for outlook in selection.outlook:
        yield {"about": message("more time or rows"), "sentence": outlook}
    if selection.targets:
        yield {"about": message("targets"), "sentence": selection.targets}
    training = facts.training
    if training is not None:
        sentence = message("the weights after epoch {epoch} are used, the best on validation", epoch=training.epochs)
        yield {"about": message("training"), "sentence": sentence}
    for check in report.checks:
        yield {"about": message("codec"), "sentence": check}
    for variant in report.variants:
        yield {"about": variant.name, "sentence": variant.decision}
    sentence = message(
        "{file} answers when no variant is named: the smallest of the files that ship and run without torch, unless it is "
        "clearly slower than another",
        file=report.default.name,
    )
    yield {"about": message("default"), "sentence": sentence}


def _section_content(run: Run, splits: Splits, shown: Shown) -> dict[str, Any]:
    """A section as plain data. A section about test rows gets the most similar training rows of each, if texts may be shown."""
    file = shown.section.file
    content = {"step": shown.step, **asdict(replace(shown.section, file=None)), "file": file.name if file else None}
    if not shown.section.about or not run.console.disclosure.texts:
        return content
    nearest = nearest_training_rows(run.task, splits.train, splits.test, shown.section.about, run.config.seed)
    plain = [[{**asdict(row), "text": run.console.disclosure.cell(row.text)} for row in rows] for rows in nearest]
    return {**content, "nearest": plain, "searched": min(SAMPLE, len(splits.train))}
