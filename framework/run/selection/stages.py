"""Stages "shortlist" and "select": ranks the competing candidates on validation, and decides which one ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from framework.contracts.candidate import Budget
from framework.contracts.data.table import Splits, Table
from framework.contracts.message import joined, message
from framework.contracts.section import Section
from framework.evaluation.comparison.judged import JudgedAnswers
from framework.evaluation.comparison.ranking import scores_of
from framework.evaluation.comparison.statistics import SECONDS
from framework.export.reports import ExportReport
from framework.export.variants import rows_to_answer
from framework.machine.memory import give_back
from framework.plugins import load_plugins
from framework.run.context import Run
from framework.run.fit import Trial
from framework.run.folder import read_json, write_json
from framework.run.remaining_time import Rows, seconds_after_fits
from framework.run.selection.folds import can_repeat, cross_validated
from framework.run.selection.outlook import outlook
from framework.run.selection.result import Ranked, Selection
from framework.run.selection.rule import choose, decision, with_reasons
from framework.run.selection.table import candidates_table
from framework.run.selection.targets import decided, targets_table
from framework.run.selection.validation import judged_on_validation

SHARE = 0.05  # of the remaining budget, at most, in which samples are judged anew where the metric does not decompose
WITHOUT_BUDGET = 60.0  # seconds that cross-validation may take in a run without a budget


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
        selection = replace(selection, outlook=_outlook(run, selection, trials, len(splits.train)))
    else:
        with run.console.recorded(run.folder.sections / "shortlist.json"):
            run.console.step("shortlist")
            selection = _selection(run, splits, {name: trials[name] for name in fitted}, refused)
            selection = replace(selection, outlook=_outlook(run, selection, trials, len(splits.train)))
            run.console.show(candidates_table(selection))
            if selection.outlook:
                run.console.show(Section(message("What more would bring"), note=joined(selection.outlook)))
    write_json(run.folder.selection, selection)
    return selection


def _selection(run: Run, splits: Splits, trials: Mapping[str, Trial], refused: Mapping[str, tuple[str, ...]]) -> Selection:
    """The selection among several fitted candidates. trials: theirs, by name, in the recipe's order."""
    stateful = any(run.candidates[name].stateful for name in trials)
    rows = rows_to_answer(splits.validation, run.config.seed, stateful=stateful)
    judged = {}
    for name in trials:
        judged[name] = judged_on_validation(run, name, rows)
        give_back()
    tolerance = run.config.select.tolerance
    ranking = _ranked(run, rows, judged, judged, trials)
    for ranked in ranking:
        if not ranked.may_be_best:
            run.answered.pop(ranked.candidate, None)
    unsettled = any(ranked.may_be_best and not ranked.settled(tolerance) for ranked in ranking[1:])
    if unsettled and not stateful and can_repeat(run):
        ranking = _repeated(run, splits, ranking, judged, trials)
    chosen = choose(ranking, tolerance)
    preference = (chosen.candidate, *(ranked.candidate for ranked in ranking if ranked is not chosen))
    for name in preference[1:]:  # may take much memory, and few of these are exported
        run.answered.pop(name, None)
    sentence = decision(ranking, chosen, tolerance, run.metric.name)
    ranking = with_reasons(ranking, chosen, tolerance)
    return Selection(run.metric.name, chosen.rows, tuple(ranking), refused, preference, sentence)


def _outlook(run: Run, selection: Selection, trials: Mapping[str, Trial], rows: int) -> tuple[str, ...]:
    competing = {name: trials[name] for name in run.competing}
    return outlook(selection.ranking, competing, run.config.select.tolerance, rows)


def _repeated(
    run: Run, splits: Splits, ranking: Sequence[Ranked], judged: Mapping[str, JudgedAnswers], trials: Mapping[str, Trial]
) -> Sequence[Ranked]:
    """The ranking in which those that may be the best are judged by cross-validation; unchanged where there is no time."""
    names = [ranked.candidate for ranked in ranking if ranked.may_be_best]
    pooled = cross_validated(run, splits, {name: judged[name] for name in names}, trials, _budget(run, splits, trials))
    if pooled is None:
        return ranking
    others = [ranked for ranked in ranking if not ranked.may_be_best]
    return [*_ranked(run, pooled.rows, pooled.judged, judged, trials), *others]


def _budget(run: Run, splits: Splits, trials: Mapping[str, Trial]) -> Budget:
    """The time for further fits: what the rest of the run leaves of the run's budget. trials: of the fitted candidates."""
    if run.budget.seconds is None:
        return Budget(WITHOUT_BUDGET)
    speeds = {name: trial.speed for name, trial in trials.items() if trial.speed is not None}
    exporters = [load_plugins().exporter(str(name)) for name in run.config.export]
    rows = Rows(len(splits.validation), len(splits.test))
    return run.budget.without(seconds_after_fits(speeds, list(speeds), rows, exporters))


def _ranked(
    run: Run,
    rows: Table,
    judged: Mapping[str, JudgedAnswers],
    on_validation: Mapping[str, JudgedAnswers],
    trials: Mapping[str, Trial],
) -> Sequence[Ranked]:
    """The candidates with their scores and costs, the best score first; ties keep the recipe's order.

    judged: answers to the rows. on_validation: answers to the validation rows.
    """
    seconds = min(SECONDS, SHARE * run.budget.remaining())
    scores = dict(
        zip(judged, scores_of(run.task, rows, run.metric, list(judged.values()), run.config.seed, seconds), strict=True)
    )
    order = sorted(scores, key=lambda name: -run.metric.gain(scores[name].value, 0))
    return [
        Ranked(
            name,
            on_validation[name].evaluation.metrics,
            scores[name],
            len(rows),
            order[0],
            speed.row if (speed := trials[name].speed) is not None else None,
            trials[name].seconds,
            trials[name].peak_bytes,
        )
        for name in order
    ]


def select(run: Run, selection: Selection, reports: Mapping[str, ExportReport]) -> Selection:
    """Stores and returns the selection with the winner. reports: of the exported candidates, in the order of preference."""
    result = decided(selection, reports)
    if result.targets:
        run.console.show(targets_table(result, reports))
    if result != selection:
        write_json(run.folder.selection, result)
    return result
