"""Answers the validation rows with fitted candidates, and stores the answers, so that a resumed run does not answer again."""

from __future__ import annotations

import json
from typing import Any

from framework.contracts.data.table import Table
from framework.contracts.task import Answers
from framework.evaluation.comparison.judged import JudgedAnswers, judged_answers
from framework.evaluation.judge import answers_to
from framework.machine.disk import write_whole
from framework.run.context import Run
from framework.run.selection.opening import fitted_codec, open_candidate
from framework.runtime.scheduler import Scheduler

VALIDATION = "validation.json"  # the responses to validation rows and the scores of their targets, in the folder of a trial


def judged_on_validation(run: Run, name: str, rows: Table) -> JudgedAnswers:
    """The candidate's answers to the rows, judged; answers that are stored already are not computed again.

    name: of a fitted candidate. rows: validation rows, the same in every process of the run.
    """
    path = run.folder.trial(name) / VALIDATION
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        answers = Answers(fitted_codec(run, name), stored["responses"], stored["scores"])
    else:
        answers = _answer(run, name, rows)
        content = {"responses": list(answers.responses), "scores": list(answers.scores)}
        write_whole(path, json.dumps(content, ensure_ascii=False, default=_plain))
    return judged_answers(run.task, answers, rows)


def _answer(run: Run, name: str, rows: Table) -> Answers:
    candidate = open_candidate(run, name)
    with run.progress(candidate.title, len(rows)) as answered:
        scheduler = Scheduler(candidate.codec(), candidate.backend(), candidate.graphs, answered=answered)
        return answers_to(run.task, scheduler, rows)


def _plain(number: Any) -> Any:
    """A scalar of numpy as one of Python."""
    return number.item()
