"""Stage "export": exports the chosen candidate, and others where its files miss a target; verifies and measures the files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from framework.contracts.data.table import Splits
from framework.contracts.graph import Request, stateful
from framework.contracts.targets import Targets
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import Opened
from framework.export.measurement import Subject
from framework.export.reports import ExportReport, files_table
from framework.export.variants import Chosen, export_and_verify, rows_to_answer
from framework.export.writing import in_order
from framework.machine.disk import whole
from framework.machine.memory import give_back
from framework.plugins import load_plugins
from framework.recipe.validation import options_of
from framework.report.costs import costs, files_charts
from framework.run.context import Run
from framework.run.fit import TRIAL, Trial
from framework.run.folder import read_json, write_json
from framework.run.remaining_time import seconds_after_export
from framework.run.selection import Selection, answered_before, open_candidate

REPORT = "export.json"  # file of the `ExportReport`, beside the exported files
CALIBRATION_ROWS = 200  # training rows that calibration feeds are made from, at most


def export_finalists(run: Run, splits: Splits, selection: Selection) -> dict[str, ExportReport]:
    """Exports candidates in the order of `Selection.preference` until the files of one meet the targets, while the budget
    allows, and returns the reports by candidate. Without targets that is the first candidate alone.

    Raises ParityError if an exact file differs from the trained module.
    """
    run.console.step("export and verify")
    reports: dict[str, ExportReport] = {}
    seconds = 0.0  # that the last candidate took
    for name in selection.preference:
        left = run.budget.without(_seconds_after(run, splits, name))
        if reports and (left.remaining() <= seconds or run.stopping.stop.asked):
            run.console.say(f"{name}: not exported, because the budget leaves no time for it")
            break
        started = time.monotonic()
        reports[name] = _finalist(run, splits, name)
        seconds = time.monotonic() - started
        run.stopping.expect(_seconds_after(run, splits, name))
        give_back()
        if not reports[name].targets.misses(reports[name].default.measurement):
            break
    return reports


def _finalist(run: Run, splits: Splits, name: str) -> ExportReport:
    """The report on the exported files of a candidate, which are made unless they are stored already."""
    report = read_json(ExportReport, run.folder.export(name) / REPORT)
    sections = run.folder.sections / f"export-{name}.json"
    if report is not None and sections.is_file():
        run.console.recall(sections)
        return report
    with run.console.recorded(sections):
        report = report or _export_finalist(run, splits, name)
        run.console.show(replace(files_table(report), charts=files_charts(report, run.metric)))
        run.console.show(costs(report, run.config.report.hourly_price))
    return report


def _export_finalist(run: Run, splits: Splits, name: str) -> ExportReport:
    subject = subject_of(run, open_candidate(run, name), splits)
    with whole(run.folder.export(name)) as folder:
        folder.mkdir(parents=True)
        calibration = lambda: _calibration(run, splits, subject)  # noqa: E731
        report = export_and_verify(
            subject,
            chosen_exporters(run),
            folder,
            calibration,
            run.console.say,
            len(splits.validation),
            run.budget.without(_seconds_after(run, splits, name)),
        )
        report = replace(report, targets=options_of(run.config.target, Targets))
        write_json(folder / REPORT, report)
    return report


def _seconds_after(run: Run, splits: Splits, name: str) -> float:
    """Expected seconds of the stages after the export. name: of the candidate."""
    judged = [name, *(other for other, candidate in run.candidates.items() if candidate.role == "baseline" and other != name)]
    trials = [read_json(Trial, run.folder.trial(one) / TRIAL) for one in judged]
    speeds = [trial.speed for trial in trials if trial is not None and trial.speed is not None]
    return seconds_after_export(speeds, len(splits.test))


def subject_of(run: Run, candidate: Opened, splits: Splits) -> Subject:
    """The fitted candidate, with the validation rows, requests and references by which exported files are compared with it."""
    codec, has_state = candidate.codec(), stateful(candidate.graphs)
    rows = rows_to_answer(splits.validation, run.config.seed, stateful=has_state)
    requests = requests_of(run.task, codec, rows)
    references = candidate.fitted.references
    return Subject(
        candidate,
        run.task,
        run.metric,
        rows,
        requests,
        references(requests) if references is not None else (),
        run.console.disclosure.value,
        run.progress,
        answered_before(run, candidate, len(rows)),
    )


def chosen_exporters(run: Run) -> list[Chosen]:
    """The recipe's exporters and their options, each after its base."""
    exporters = in_order([load_plugins().exporter(str(name)) for name in run.config.export])
    return [Chosen(exporter, options_of(run.config.export[exporter.name], exporter.options)) for exporter in exporters]


def _calibration(run: Run, splits: Splits, subject: Subject) -> Sequence[Request]:
    """Requests of training rows, from which calibration feeds are made."""
    rows = splits.train.take(range(min(CALIBRATION_ROWS, len(splits.train))))
    return requests_of(run.task, subject.codec(), run.task.judged(rows))
