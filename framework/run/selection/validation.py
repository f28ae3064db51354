"""Answers held-out rows with fitted candidates, and stores the answers, so that a resumed run does not answer again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from framework.contracts.data.table import Table
from framework.contracts.task import Answers
from framework.evaluation.comparison.judged import JudgedAnswers, judged_answers
from framework.evaluation.judge import answers_to
from framework.evaluation.opened import Opened
from framework.export.measurement import Answered
from framework.machine.disk import write_whole
from framework.run.context import Run
from framework.run.fit import FITTED
from framework.run.folder import ANSWERS
from framework.run.selection.opening import fitted_codec
from framework.runtime.scheduler import Scheduler


def judged_on_validation(run: Run, name: str, rows: Table) -> JudgedAnswers:
    """The answers of a fitted candidate to the rows, judged. rows: validation rows, the same in every process of the run."""
    folder = run.folder.trial(name)
    return judged_answers(run.task, stored_answers(run, name, folder) or answers_of(run, name, folder, rows), rows)


def stored_answers(run: Run, name: str, folder: Path) -> Answers | None:
    """The answers that `answers_of` stored; None where there are none."""
    path = folder / ANSWERS
    if not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Answers(fitted_codec(run, name), stored["responses"], stored["scores"])


def answered_before(run: Run, name: str, count: int) -> Answered | None:
    """The stored answers of a candidate to the validation rows; None where the selection did not need them, where it answered
    others than `count` rows, or did not measure the time, as in runs of earlier versions.
    """
    path = run.folder.trial(name) / ANSWERS
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Answered(**stored) if "seconds" in stored and len(stored["responses"]) == count else None


def answers_of(run: Run, name: str, folder: Path, rows: Table) -> Answers:
    """Answers the rows with a candidate and stores the answers. folder: holds the fitted folder, and gets the answers."""
    candidate = Opened.of(run.candidates[name], folder / FITTED)
    with run.progress(candidate.title, len(rows)) as answered:
        scheduler = Scheduler(candidate.codec(), candidate.judged_backend(), candidate.graphs, answered=answered)
        started = time.perf_counter()
        answers = answers_to(run.task, scheduler, rows)
        seconds = time.perf_counter() - started
    content = {"responses": list(answers.responses), "scores": list(answers.scores), "seconds": seconds}
    write_whole(folder / ANSWERS, json.dumps(content, ensure_ascii=False, default=_plain))
    return answers


def _plain(number: Any) -> Any:
    """A scalar of numpy as one of Python."""
    return number.item()
