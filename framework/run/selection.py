"""Stage: which candidate is best on validation, and which of its files answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from framework.contracts.candidate import RESOURCES, read_fitted
from framework.contracts.codec import Codec
from framework.contracts.data.table import Splits, Table
from framework.contracts.message import joined, message, messages
from framework.contracts.section import Section
from framework.evaluation.judge import judge
from framework.evaluation.opened import Opened
from framework.export.reports import ExportReport
from framework.export.variants import rows_to_answer
from framework.machine.memory import give_back
from framework.plugins import open_codec
from framework.run.context import Run
from framework.run.fit import FITTED, Trial
from framework.run.folder import read_json, write_json
from framework.runtime.scheduler import Scheduler

VALIDATION = "validation.json"  # in the folder of a trial
FINALISTS = 1  # candidates whose files are made


@dataclass(frozen=True)
class Validated:
    """A candidate on the validation rows, before any export."""

    candidate: str
    metrics: Mapping[str, float]
    rows: int


@dataclass(frozen=True)
class Selection:
    """Who was chosen, and what the others reached."""

    metric: str
    ranking: tuple[Validated, ...]
    """The best first; empty where only one candidate competed."""
    refused: Mapping[str, tuple[str, ...]]
    finalists: tuple[str, ...]
    winner: str | None = None
    """Known once the files of the finalists are measured."""


def opened(run: Run, name: str) -> Opened:
    """A candidate of the run, from the folder that its fit filled."""
    return Opened.of(run.candidates[name], run.folder.trial(name) / FITTED)


def fitted_codec(run: Run, name: str) -> Codec:
    """The codec of a candidate, without its graphs."""
    folder = run.folder.trial(name) / FITTED
    return open_codec(read_fitted(folder).codec, folder / RESOURCES)


def shortlist(run: Run, splits: Splits, trials: Mapping[str, Trial]) -> Selection:
    """The best on validation, among those that compete. Where only one does, nothing is to be chosen."""
    selection = read_json(Selection, run.folder.selection)
    if selection is not None:
        run.console.recall(run.folder.sections / "shortlist.json")
        return selection
    refused = {name: trials[name].refused for name in run.competing if trials[name].refused}
    left = [name for name in run.competing if name not in refused]
    if len(left) == 1:
        selection = Selection(run.metric.name, (), refused, tuple(left))
    else:
        with run.console.recorded(run.folder.sections / "shortlist.json"):
            run.console.step("shortlist")
            ranking = _ranking(run, splits.validation, left)
            selection = Selection(run.metric.name, tuple(ranking), refused, tuple(one.candidate for one in ranking[:FINALISTS]))
            run.console.show(_table(run, selection, trials))
    write_json(run.folder.selection, selection)
    return selection


def _ranking(run: Run, validation: Table, names: Sequence[str]) -> list[Validated]:
    """The best first; of equals the one that the recipe names first."""
    stateful = any(run.candidates[name].stateful for name in names)
    rows = rows_to_answer(validation, run.config.seed, stateful=stateful)
    validated = []
    for name in names:
        before = read_json(Validated, run.folder.trial(name) / VALIDATION)
        validated.append(before if before is not None else _validated(run, name, rows))
        give_back()
    return sorted(validated, key=lambda one: -run.metric.gain(one.metrics[run.metric.name], 0))


def _validated(run: Run, name: str, rows: Table) -> Validated:
    candidate = opened(run, name)
    with run.progress(candidate.title, len(rows)) as answered:
        scheduler = Scheduler(candidate.codec(), candidate.backend(), candidate.graphs, answered=answered)
        evaluation = judge(run.task, scheduler, rows)
    result = Validated(name, evaluation.metrics, len(rows))
    write_json(run.folder.trial(name) / VALIDATION, result)
    return result


def _table(run: Run, selection: Selection, trials: Mapping[str, Trial]) -> Section:
    names = list(dict.fromkeys(name for one in selection.ranking for name in one.metrics))
    rows = [
        (
            one.candidate,
            *(f"{one.metrics[name]:.4f}" if name in one.metrics else "" for name in names),
            f"{trials[one.candidate].seconds:.1f}",
            "",
        )
        for one in selection.ranking
    ]
    rows += [(name, *("" for _ in names), "", joined(reasons, "; ")) for name, reasons in selection.refused.items()]
    first = run.candidates[selection.finalists[0]]
    note = message(
        "{title} ({name}) is best by {metric} on {rows:,} validation rows",
        title=first.title,
        name=first.name,
        metric=selection.metric,
        rows=selection.ranking[0].rows,
    )
    header = (message("candidate"), *names, *messages("fit seconds", "refused"))
    return Section(message("Candidates on validation"), header, rows, note, leads=True)


def select(run: Run, selection: Selection, reports: Mapping[str, ExportReport]) -> Selection:
    """The finalist whose file, as it would ship, is best on validation."""

    def gain(name: str) -> float:
        return run.metric.gain(reports[name].default.measurement.metrics[run.metric.name], 0)

    chosen = replace(selection, winner=max(selection.finalists, key=gain))
    if chosen != selection:
        write_json(run.folder.selection, chosen)
    return chosen
