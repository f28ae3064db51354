"""Stages "shortlist" and "select": ranks the competing candidates on validation, and picks the finalist that ships."""

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

VALIDATION = "validation.json"  # a `Validated`, in the folder of a trial
FINALISTS = 1  # candidates that are exported


@dataclass(frozen=True)
class Validated:
    """The metrics of a fitted candidate on validation rows, before any export."""

    candidate: str
    metrics: Mapping[str, float]
    rows: int
    """Number of validation rows that were answered."""


@dataclass(frozen=True)
class Selection:
    """The ranking of the competing candidates, and the winner."""

    metric: str
    ranking: tuple[Validated, ...]
    """The best first; empty if only one competing candidate was fitted."""
    refused: Mapping[str, tuple[str, ...]]
    """By candidate, the reasons why it was not fitted."""
    finalists: tuple[str, ...]
    winner: str | None = None
    """The candidate that ships; None until the finalists are exported and measured."""


def open_candidate(run: Run, name: str) -> Opened:
    """A candidate of the run, opened from its fitted folder."""
    return Opened.of(run.candidates[name], run.folder.trial(name) / FITTED)


def fitted_codec(run: Run, name: str) -> Codec:
    """The codec of a candidate, without its graphs."""
    folder = run.folder.trial(name) / FITTED
    return open_codec(read_fitted(folder).codec, folder / RESOURCES)


def shortlist(run: Run, splits: Splits, trials: Mapping[str, Trial]) -> Selection:
    """Ranks the fitted competing candidates on validation, unless the result is stored already.

    A single one becomes the finalist without being judged.
    """
    selection = read_json(Selection, run.folder.selection)
    if selection is not None:
        run.console.recall(run.folder.sections / "shortlist.json")
        return selection
    refused = {name: trials[name].refused for name in run.competing if trials[name].refused}
    fitted = [name for name in run.competing if name not in refused]
    if len(fitted) == 1:
        selection = Selection(run.metric.name, (), refused, tuple(fitted))
    else:
        with run.console.recorded(run.folder.sections / "shortlist.json"):
            run.console.step("shortlist")
            ranking = _ranking(run, splits.validation, fitted)
            finalists = tuple(validated.candidate for validated in ranking[:FINALISTS])
            selection = Selection(run.metric.name, tuple(ranking), refused, finalists)
            run.console.show(_table(run, selection, trials))
    write_json(run.folder.selection, selection)
    return selection


def _ranking(run: Run, validation: Table, names: Sequence[str]) -> list[Validated]:
    """The candidates with their metrics, the best first; ties keep the recipe's order."""
    stateful = any(run.candidates[name].stateful for name in names)
    rows = rows_to_answer(validation, run.config.seed, stateful=stateful)
    ranking = []
    for name in names:
        earlier = read_json(Validated, run.folder.trial(name) / VALIDATION)
        ranking.append(earlier if earlier is not None else _validate(run, name, rows))
        give_back()
    return sorted(ranking, key=lambda validated: -run.metric.gain(validated.metrics[run.metric.name], 0))


def _validate(run: Run, name: str, rows: Table) -> Validated:
    candidate = open_candidate(run, name)
    with run.progress(candidate.title, len(rows)) as answered:
        scheduler = Scheduler(candidate.codec(), candidate.backend(), candidate.graphs, answered=answered)
        evaluation = judge(run.task, scheduler, rows)
    result = Validated(name, evaluation.metrics, len(rows))
    write_json(run.folder.trial(name) / VALIDATION, result)
    return result


def _table(run: Run, selection: Selection, trials: Mapping[str, Trial]) -> Section:
    names = list(dict.fromkeys(name for validated in selection.ranking for name in validated.metrics))
    rows = [
        (
            validated.candidate,
            *(f"{validated.metrics[name]:.4f}" if name in validated.metrics else "" for name in names),
            f"{trials[validated.candidate].seconds:.1f}",
            "",
        )
        for validated in selection.ranking
    ]
    rows += [(name, *("" for _ in names), "", joined(reasons, "; ")) for name, reasons in selection.refused.items()]
    best = run.candidates[selection.finalists[0]]
    note = message(
        "{title} ({name}) is best by {metric} on {rows:,} validation rows",
        title=best.title,
        name=best.name,
        metric=selection.metric,
        rows=selection.ranking[0].rows,
    )
    header = (message("candidate"), *names, *messages("fit seconds", "refused"))
    return Section(message("Candidates on validation"), header, rows, note, leads=True)


def select(run: Run, selection: Selection, reports: Mapping[str, ExportReport]) -> Selection:
    """Stores and returns the selection with the winner: the finalist whose default variant is best on validation."""

    def gain(name: str) -> float:
        return run.metric.gain(reports[name].default.measurement.metrics[run.metric.name], 0)

    decided = replace(selection, winner=max(selection.finalists, key=gain))
    if decided != selection:
        write_json(run.folder.selection, decided)
    return decided
