"""Stage: the file that ships and the baselines, judged once on the test rows, which none of them has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.contracts.data.table import Splits
from framework.contracts.evaluation import Evaluation
from framework.contracts.exporter import Variant
from framework.contracts.graph import Backend
from framework.evaluation.judge import judge
from framework.evaluation.opened import NoGraphs, Opened
from framework.evaluation.scoreboard import scoreboard
from framework.export.reports import CODEC, ExportReport
from framework.machine.memory import give_back
from framework.run.context import Run
from framework.run.fit import Trial
from framework.run.folder import read_json, write_json
from framework.run.selection import Selection, opened
from framework.runtime.onnx import open_onnx
from framework.runtime.scheduler import Scheduler
from framework.runtime.tables import tabled

ON_TEST = "test.json"  # in the folder of a baseline's trial


@dataclass(frozen=True)
class Numbers:
    """An evaluation without its tables, which the report has from the console."""

    metrics: Mapping[str, float]
    protocol: str = ""
    untested: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """How good the file that ships is, and the baselines beside it."""

    candidate: str
    variant: str
    rows: int
    model: Numbers
    baselines: Mapping[str, Numbers] = field(default_factory=dict)
    """By the candidate's name."""

    def evaluation(self) -> Evaluation:
        return _evaluation(self.model)

    def beside(self, run: Run) -> dict[str, Evaluation]:
        """The baselines by title."""
        return {run.candidates[name].title: _evaluation(numbers) for name, numbers in self.baselines.items()}


def _evaluation(numbers: Numbers) -> Evaluation:
    return Evaluation(dict(numbers.metrics), protocol=numbers.protocol, untested=numbers.untested)


def judge_on_test(
    run: Run, splits: Splits, selection: Selection, reports: Mapping[str, ExportReport], trials: Mapping[str, Trial]
) -> Judgement:
    """The tables of the model's evaluation are shown."""
    run.console.step("evaluate")
    sections = run.folder.sections / "evaluate.json"
    report = read_json(Judgement, run.folder.evaluation)
    if report is not None:
        run.console.recall(sections)
        return report
    winner = str(selection.winner)
    with run.console.recorded(sections):
        variant = reports[winner].default.variant
        evaluation = _shipped(run, splits, winner, variant)
        baselines = {}
        for name in run.candidates:
            if run.candidates[name].role == "baseline" and name != winner and not trials[name].refused:
                baselines[name] = _baseline(run, splits, name)
        for section in evaluation.sections:
            run.console.show(section)
        beside = {run.candidates[name].title: _evaluation(one) for name, one in baselines.items()}
        run.console.show(scoreboard(run.metric, run.candidates[winner].title, evaluation, beside))
    report = Judgement(winner, variant.name, len(splits.test), _numbers(evaluation), baselines)
    write_json(run.folder.evaluation, report)
    return report


def _shipped(run: Run, splits: Splits, winner: str, variant: Variant) -> Evaluation:
    candidate = opened(run, winner)
    return _judged(run, splits, candidate, shipped_backend(candidate, variant, run.folder.export(winner)), variant)


def _baseline(run: Run, splits: Splits, name: str) -> Numbers:
    """Judged once, however often the files of the run are made."""
    path = run.folder.trial(name) / ON_TEST
    numbers = read_json(Numbers, path)
    if numbers is None:
        give_back()
        baseline = opened(run, name)
        numbers = _numbers(_judged(run, splits, baseline, baseline.backend()))
        write_json(path, numbers)
    return numbers


def shipped_backend(candidate: Opened, variant: Variant, folder: Path) -> Backend:
    """What runs the files of a variant, as the runtime will."""
    if variant.format == CODEC:
        return NoGraphs()
    files = {graph: folder / file for graph, file in variant.files.items()}
    return tabled(open_onnx(candidate.graphs, files), candidate.graphs, candidate.fitted.tables)


def _judged(run: Run, splits: Splits, candidate: Opened, backend: Backend, variant: Variant | None = None) -> Evaluation:
    with run.progress(candidate.title, len(splits.test)) as answered:
        codec = candidate.codec(variant.settings if variant else None)
        return judge(run.task, Scheduler(codec, backend, candidate.graphs, answered=answered), splits.test)


def _numbers(evaluation: Evaluation) -> Numbers:
    return Numbers(evaluation.metrics, evaluation.protocol, tuple(evaluation.untested))
