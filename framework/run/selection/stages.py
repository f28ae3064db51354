"""Stages "shortlist" and "select": ranks the competing candidates on validation, and decides which one ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from framework.contracts.data.table import Splits, Table
from framework.evaluation.comparison.judged import JudgedAnswers
from framework.evaluation.comparison.ranking import scores_of
from framework.evaluation.comparison.statistics import SECONDS
from framework.export.reports import ExportReport
from framework.export.variants import rows_to_answer
from framework.machine.memory import give_back
from framework.run.context import Run
from framework.run.fit import Trial
from framework.run.folder import read_json, write_json
from framework.run.selection.result import Ranked, Selection
from framework.run.selection.rule import choose, decision, with_reasons
from framework.run.selection.table import candidates_table
from framework.run.selection.targets import decided, targets_table
from framework.run.selection.validation import judged_on_validation

SHARE = 0.05  # of the remaining budget, at most, in which samples are judged anew where the metric does not decompose


def shortlist(run: Run, splits: Splits, trials: Mapping[str, Trial]) -> Selection:
    """Ranks the fitted competing candidates on validation, unless the result is stored already.

    A single one is not judged.
    """
    selection = read_json(Selection, run.folder.selection)
    if selection is not None:
        run.console.recall(run.folder.sections / "shortlist.json")
        return selection
    refused = {name: trials[name].refused for name in run.competing if trials[name].refused}
    fitted = [name for name in run.competing if name not in refused]
    if len(fitted) == 1:
        selection = Selection(run.metric.name, 0, (), refused, tuple(fitted))
    else:
        with run.console.recorded(run.folder.sections / "shortlist.json"):
            run.console.step("shortlist")
            selection = _selection(run, splits.validation, {name: trials[name] for name in fitted}, refused)
            run.console.show(candidates_table(selection))
    write_json(run.folder.selection, selection)
    return selection


def _selection(run: Run, validation: Table, trials: Mapping[str, Trial], refused: Mapping[str, tuple[str, ...]]) -> Selection:
    """The selection among several fitted candidates. trials: theirs, by name, in the recipe's order."""
    stateful = any(run.candidates[name].stateful for name in trials)
    rows = rows_to_answer(validation, run.config.seed, stateful=stateful)
    judged = {}
    for name in trials:
        judged[name] = judged_on_validation(run, name, rows)
        give_back()
    metric, tolerance, count = run.metric.name, run.config.select.tolerance, len(rows)
    ranking = _ranking(run, rows, judged, trials)
    chosen = choose(ranking, tolerance)
    ranking = with_reasons(ranking, chosen, tolerance, count)
    preference = (chosen.candidate, *(ranked.candidate for ranked in ranking if ranked.candidate != chosen.candidate))
    return Selection(metric, count, ranking, refused, preference, decision(ranking, chosen, tolerance, metric, count))


def _ranking(run: Run, rows: Table, judged: Mapping[str, JudgedAnswers], trials: Mapping[str, Trial]) -> Sequence[Ranked]:
    """The candidates with their scores and costs, the best score first; ties keep the recipe's order."""
    seconds = min(SECONDS, SHARE * run.budget.remaining())
    scores = scores_of(run.task, rows, run.metric, list(judged.values()), run.config.seed, seconds)
    ranking = [
        Ranked(
            name,
            judged[name].evaluation.metrics,
            score,
            trial.speed.row if trial.speed is not None else None,
            trial.seconds,
            trial.peak_bytes,
        )
        for (name, trial), score in zip(trials.items(), scores, strict=True)
    ]
    return sorted(ranking, key=lambda ranked: -run.metric.gain(ranked.score.value, 0))


def select(run: Run, selection: Selection, reports: Mapping[str, ExportReport]) -> Selection:
    """Stores and returns the selection with the winner. reports: of the exported candidates, in the order of preference."""
    result = decided(selection, reports)
    if result.targets:
        run.console.show(targets_table(result, reports))
    if result != selection:
        write_json(run.folder.selection, result)
    return result
