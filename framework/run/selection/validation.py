"""Answers held-out rows with fitted candidates, and stores the answers, so that a resumed run does not answer again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from framework.contracts.codec import Scores
from framework.contracts.data.table import Table
from framework.contracts.graph import Response, stateful
from framework.contracts.task import Answers
from framework.evaluation.comparison.judged import JudgedAnswers, judged_answers
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import Opened
from framework.evaluation.scoring import answer_and_score
from framework.export.measurement import Answered, held_out_responses
from framework.machine.disk import write_whole
from framework.run.context import Run
from framework.run.folder import ANSWERS, FITTED
from framework.run.selection.opening import fitted_codec
from framework.runtime.scheduler import Record, Scheduler


def judged_on_validation(run: Run, name: str, rows: Table) -> JudgedAnswers:
    """The answers of a fitted candidate to the rows, judged. rows: validation rows, the same in every process of the run."""
    folder = run.folder.trial(name)
    answers = stored_answers(run, name, folder)
    if answers is None:
        answers, run.answered[name] = answer_rows(run, name, folder, rows)
    return judged_answers(run.task, answers, rows)


def stored_answers(run: Run, name: str, folder: Path) -> Answers | None:
    """The answers that `answer_rows` stored; None where there are none."""
    path = folder / ANSWERS
    if not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Answers(fitted_codec(run, name), stored["responses"], stored["scores"])


def answered_before(run: Run, candidate: Opened, count: int) -> Answered | None:
    """What a candidate answered to the validation rows when it was chosen; None where that is not known: another process chose
    and its outputs are needed, it answered others than `count` rows, or an earlier version did not measure the time.
    """
    answered, has_state = run.answered.pop(candidate.name, None), stateful(candidate.graphs)
    if answered is None and has_state:
        path = run.folder.trial(candidate.name) / ANSWERS
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        answered = Answered(**stored) if "seconds" in stored else None
    if answered is None or len(answered.responses) != count:
        return None
    return answered if has_state or answered.outputs else None


def answer_rows(run: Run, name: str, folder: Path, rows: Table) -> tuple[Answers, Answered]:
    """Answers the rows with a candidate and stores the answers. folder: holds the fitted folder, and gets the answers.

    Returns the answers to judge, which owe nothing to validation rows, see `Opened.judged_backend`, and those that files are
    compared with.
    """
    candidate = Opened.of(run.candidates[name], folder / FITTED)
    codec, held_out = candidate.codec(), candidate.fitted.held_out
    outputs: Record = []
    records = not stateful(candidate.graphs) and not isinstance(codec, Scores)
    backend = candidate.reference_backend() if records else candidate.judged_backend()
    requests = requests_of(run.task, codec, rows)
    with run.progress(candidate.title, len(rows)) as answered:
        scheduler = Scheduler(codec, backend, candidate.graphs, answered=answered)
        if records:  # warm-up, since the speed is reported beside that of the files
            Scheduler(codec, backend, candidate.graphs).answer(requests[:1])
        started = time.perf_counter()
        if records:
            responses, scores = scheduler.answer(requests, outputs), list[Response]()
        else:
            responses, scores = answer_and_score(scheduler, requests, run.task.targets(rows))
        seconds = time.perf_counter() - started
    judged = held_out_responses(outputs, held_out, codec, requests) if records and held_out is not None else responses
    content = {"responses": judged, "scores": scores, "seconds": seconds}
    write_whole(folder / ANSWERS, json.dumps(content, ensure_ascii=False, default=_plain))
    return Answers(codec, judged, scores), Answered(responses, scores, seconds, outputs)


def _plain(number: Any) -> Any:
    """A scalar of numpy as one of Python."""
    return number.item()
