"""Cross-validation: candidates that the validation rows cannot tell apart are fitted again and judged on other rows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from framework.contracts.candidate import Budget
from framework.contracts.data.table import Splits, Table
from framework.contracts.task import Answers, SplitsItself, Task
from framework.data.labelled import roles_of
from framework.data.splitting.duplicates import DuplicateRule
from framework.data.splitting.folds import folds, stacked
from framework.errors import InputError
from framework.evaluation.comparison.judged import JudgedAnswers, judged_answers
from framework.machine.memory import give_back
from framework.run.context import Run
from framework.run.fit import OPTIONS, Trial
from framework.run.fits.fitting import fit_candidate
from framework.run.folder import ANSWERS
from framework.run.load import prepare_data
from framework.run.selection.validation import answer_rows, stored_answers

FOLDS = 9  # further splits, at most: with the validation rows, ten parts where these are a tenth


@dataclass(frozen=True)
class Pooled:
    """Answers to the validation rows and to the rows that further splits held out, by models that had not seen these rows."""

    rows: Table
    judged: Mapping[str, JudgedAnswers]
    """By candidate."""
    folds: int
    """How often each candidate was fitted again."""


def can_repeat(run: Run) -> bool:
    """Whether other rows can be held out: validation rows were split off, as rows that are answered as they stand."""
    data = run.config.data
    own_file = (data if data.train else data.source).validation is not None
    independent = type(run.task).judged is Task.judged and not isinstance(run.task, SplitsItself)
    return independent and not own_file and run.trains


def cross_validated(
    run: Run, splits: Splits, judged: Mapping[str, JudgedAnswers], trials: Mapping[str, Trial], budget: Budget
) -> Pooled | None:
    """Fits candidates on further splits while there is time, and judges their answers to all rows that were held out; None
    where there is no further split, or no time for one.

    judged: the candidates' answers to the validation rows. trials: theirs. budget: for all fits together.
    """
    seconds = sum(trials[name].seconds for name in judged)  # an upper bound: features that do not change are cached
    names = [name for name in trials if name in judged]  # in the recipe's order: a fit takes what an earlier one has read
    answers = {name: [judged[name].answers] for name in names}
    tables = [splits.validation]
    for number, fold in enumerate(_folds(run, splits), start=1):
        if budget.remaining() < seconds:
            break
        started = time.monotonic()
        try:
            of_fold = {name: _answers(run, name, fold, number, Budget(trials[name].allowed)) for name in names}
        except InputError as error:  # such as a fit for which there was not enough time
            run.console.say(f"cross-validation ends: {error}")
            break
        for name, one in of_fold.items():
            answers[name].append(one)
        seconds = time.monotonic() - started
        tables.append(fold.validation)
        run.console.say(f"cross-validation: fitted {number} times more, {sum(map(len, tables)):,} rows held out in all")
    if len(tables) == 1:
        return None
    rows = stacked(tables)
    pooled = {name: judged_answers(run.task, _pooled(parts), rows) for name, parts in answers.items()}
    return Pooled(rows, pooled, len(tables) - 1)


def _folds(run: Run, splits: Splits) -> Iterator[Splits]:
    roles = roles_of(run.task)
    rule = DuplicateRule.of([splits.train], roles, run.config.data.duplicates.name == "keep", run.task.prefix)
    hidden = replace(splits, test=splits.test.take([]))
    return folds(hidden, rule, FOLDS, run.config.seed)


def _answers(run: Run, name: str, fold: Splits, number: int, budget: Budget) -> Answers:
    """The answers of a candidate, fitted to the training rows of a further split, to the rows that the split holds out."""
    folder = run.folder.trial(name) / "folds" / str(number)
    stored = stored_answers(run, name, folder)
    if stored is not None:
        return stored
    candidate = run.candidates[name]
    options = OmegaConf.merge(OmegaConf.structured(candidate.options), OmegaConf.load(run.folder.trial(name) / OPTIONS))
    data: Any = prepare_data(run.task, fold, run.options)
    changes = {"options": OmegaConf.to_object(options), "show": lambda section: None, "budget": budget}
    fit_candidate(run, candidate, data, folder, **changes)
    answers, _ = answer_rows(run, name, folder, fold.validation)
    _remove_fit(folder)
    give_back()
    return answers


def _remove_fit(folder: Path) -> None:
    """Removes what a fit left, such as weights and checkpoints, except the answers."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ANSWERS:
            path.unlink()


def _pooled(parts: Sequence[Answers]) -> Answers:
    responses = [response for part in parts for response in part.responses]
    return Answers(parts[0].codec, responses, [score for part in parts for score in part.scores])
