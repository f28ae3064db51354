"""Stage "judge": judges the shipped file and the baselines once on the test rows."""

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
from framework.run.selection import Selection, open_candidate
from framework.runtime.onnx import open_onnx
from framework.runtime.scheduler import Scheduler
from framework.runtime.tables import tabled

ON_TEST = "test.json"  # file of a baseline's `Numbers`, in the folder of its trial


@dataclass(frozen=True)
class Numbers:
    """The fields of an `Evaluation` except the sections, which are stored with those that the console shows."""

    metrics: Mapping[str, float]
    protocol: str = ""
    untested: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """The evaluations of the shipped file and of the baselines on the test rows."""

    candidate: str
    """The candidate that ships."""
    variant: str
    """The variant that was judged."""
    rows: int
    """Number of test rows."""
    model: Numbers
    """The evaluation of the shipped file."""
    baselines: Mapping[str, Numbers] = field(default_factory=dict)
    """By candidate; without the candidate that ships."""

    def evaluation(self) -> Evaluation:
        """The evaluation of the shipped file."""
        return _evaluation(self.model)

    def baselines_by_title(self, run: Run) -> dict[str, Evaluation]:
        """The evaluations of the baselines, by title."""
        return {run.candidates[name].title: _evaluation(numbers) for name, numbers in self.baselines.items()}


def _evaluation(numbers: Numbers) -> Evaluation:
    return Evaluation(dict(numbers.metrics), protocol=numbers.protocol, untested=numbers.untested)


def judge_on_test(
    run: Run, splits: Splits, selection: Selection, reports: Mapping[str, ExportReport], trials: Mapping[str, Trial]
) -> Judgement:
    """Judges the winner's default variant and the baselines, unless the result is stored already, and shows the sections of the
    winner's evaluation.

    reports: of the finalists, by name. trials: of all candidates, by name.
    """
    run.console.step("evaluate")
    sections = run.folder.sections / "evaluate.json"
    judgement = read_json(Judgement, run.folder.evaluation)
    if judgement is not None:
        run.console.recall(sections)
        return judgement
    winner = str(selection.winner)
    with run.console.recorded(sections):
        variant = reports[winner].default.variant
        evaluation = _judge_shipped(run, splits, winner, variant)
        baselines = {}
        for name in run.candidates:
            if run.candidates[name].role == "baseline" and name != winner and not trials[name].refused:
                baselines[name] = _judge_baseline(run, splits, name)
        for section in evaluation.sections:
            run.console.show(section)
        judgement = Judgement(winner, variant.name, len(splits.test), _numbers(evaluation), baselines)
        by_title = judgement.baselines_by_title(run)
        run.console.show(scoreboard(run.metric, run.candidates[winner].title, evaluation, by_title))
    write_json(run.folder.evaluation, judgement)
    return judgement


def _judge_shipped(run: Run, splits: Splits, winner: str, variant: Variant) -> Evaluation:
    candidate = open_candidate(run, winner)
    return _judge(run, splits, candidate, shipped_backend(candidate, variant, run.folder.export(winner)), variant)


def _judge_baseline(run: Run, splits: Splits, name: str) -> Numbers:
    """The numbers of a baseline. They are stored, so another export of the run does not judge the baseline again."""
    path = run.folder.trial(name) / ON_TEST
    numbers = read_json(Numbers, path)
    if numbers is None:
        give_back()
        baseline = open_candidate(run, name)
        numbers = _numbers(_judge(run, splits, baseline, baseline.backend()))
        write_json(path, numbers)
    return numbers


def shipped_backend(candidate: Opened, variant: Variant, folder: Path) -> Backend:
    """Opens the files of a variant in the same backend as the runtime does. folder: that of the candidate's exported files."""
    if variant.format == CODEC:
        return NoGraphs()
    files = {graph: folder / file for graph, file in variant.files.items()}
    return tabled(open_onnx(candidate.graphs, files), candidate.graphs, candidate.fitted.tables)


def _judge(run: Run, splits: Splits, candidate: Opened, backend: Backend, variant: Variant | None = None) -> Evaluation:
    with run.progress(candidate.title, len(splits.test)) as answered:
        codec = candidate.codec(variant.settings if variant else None)
        return judge(run.task, Scheduler(codec, backend, candidate.graphs, answered=answered), splits.test)


def _numbers(evaluation: Evaluation) -> Numbers:
    return Numbers(evaluation.metrics, evaluation.protocol, tuple(evaluation.untested))
