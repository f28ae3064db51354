"""A candidate from outside whose settings decide how good it is, fitted in an instant, to be searched."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import framework
from framework import (
    Candidate,
    Choice,
    CodecSpec,
    FitContext,
    Fitted,
    InputError,
    Range,
    Section,
    Space,
    Text,
    Tracker,
    read_fitted,
    write_fitted,
)
from framework.errors import RankFailedError
from framework.machine.interrupts import Stopped


@dataclass
class Dial:
    """Options of `candidates: dial`."""

    answer: int = 2  # index of the label that it always answers
    temper: str = "calm"
    """"murderous" is killed, "faulty" fails, "greedy" runs out of memory. Of `ApartCandidate` alone: "picky" refuses the
    rows, "torn" lost a rank, "unlucky" finds the disk full, "slow" takes minutes, as "quick to learn" does, which has a fit
    when it is stopped."""
    level: float = 1.0  # of which half is added to what it continues


class DialCandidate(Candidate[Any, Any, Dial]):
    """Answers every text with one label, and knows how far it was turned."""

    name: ClassVar[str] = "dial"
    title: ClassVar[str] = "dial"
    options: ClassVar[type] = Dial

    def space(self, data: Any, task: Any, options: Dial, trainer: Any) -> Space:
        return Space({"answer": Range(0, 2), "temper": Choice(tuple(os.environ.get("TEMPERS", "calm").split()))})

    def fit(self, data: Any, context: FitContext[Any, Dial]) -> None:
        temper = context.options.temper
        if temper == "murderous":
            os.kill(os.getpid(), signal.SIGKILL)
        if temper == "faulty":
            raise RuntimeError("a fault of the candidate")
        if temper == "greedy":
            raise MemoryError("Unable to allocate 8 GiB")
        (context.folder / "oom_score.txt").write_text(Path("/proc/self/oom_score_adj").read_text())
        labels = sorted(data.labels)
        shares = [0.9 if index == context.options.answer else 0.1 / (len(labels) - 1) for index in range(len(labels))]
        before = json.loads((context.begin / "turned.json").read_text()) if context.begin else 0.0
        write_fitted(context.output, CodecSpec("classification_constant", {"labels": labels, "shares": shares}))
        (context.output / "turned.json").write_text(json.dumps(before / 2 + context.options.level))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class OnwardCandidate(DialCandidate):
    """A dial that can be turned on."""

    name: ClassVar[str] = "onward"

    def space(self, data: Any, task: Any, options: Dial, trainer: Any) -> Space:
        return Space(onward={"answer": Range(0, 2), "level": Range(1.0, 2.0)})


class AveragedCandidate(DialCandidate):
    """A dial that stops in the middle between the best and itself, and has nothing of the recipe's own answer to gain."""

    name: ClassVar[str] = "averaged"

    def space(self, data: Any, task: Any, options: Dial, trainer: Any) -> Space:
        return Space({"answer": Range(0, 1), "level": Range(1.0, 9.0)})

    def fit(self, data: Any, context: FitContext[Any, Dial]) -> None:
        super().fit(data, context)
        if context.beside is not None:
            networks = read_fitted(context.beside).facts.networks + 1
            before, own = (json.loads((place / "turned.json").read_text()) for place in (context.beside, context.output))
            (context.output / "turned.json").write_text(json.dumps(before + (own - before) / networks))
            fitted = read_fitted(context.output)
            write_fitted(context.output, fitted.codec, replace(fitted.facts, networks=networks))


class ApartCandidate(DialCandidate):
    """A dial that is fitted in a process of its own, where another candidate could ship."""

    name: ClassVar[str] = "apart"
    fit_modules: ClassVar[Sequence[str]] = ("wave",)

    def space(self, data: Any, task: Any, options: Dial, trainer: Any) -> Space:
        return Space()

    def fit(self, data: Any, context: FitContext[Any, Dial]) -> None:
        temper = context.options.temper
        context.progress("half way")
        context.show(Section("A word of the fit", ("text",), [(Text("write to bob@example.com"),)], note="and a note"))
        for log in context.logs:
            log.log_metrics({"loss": 0.5}, 3)
        print("a library speaks", file=sys.stderr)
        began = context.folder / "began.txt"
        if temper == "picky":
            raise InputError("one thing is wrong", "and another")
        if temper == "torn":
            raise RankFailedError("rank 1 failed")
        if temper == "unlucky":
            raise OSError(errno.ENOSPC, "No space left on device")
        if temper in ("slow", "quick to learn"):
            try:
                began.write_text(str(os.getpid()))
                time.sleep(600)
            except Stopped:
                if temper == "slow":
                    raise
        began.write_text(str(os.getpid()))
        super().fit(data, context)


class Notes:
    """A tracked run that writes what it gets into a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notes.txt"

    def log_hyperparams(self, params: Any) -> None: ...

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        with self.path.open("a") as notes:
            notes.write(f"{metrics} at {step}\n")

    def finalize(self, status: str) -> None: ...

    def finish(self, metrics: Any, artifact: Path) -> None: ...


def open_notes(options: Any, recipe: str, folder: Path) -> Notes:
    return Notes(folder)


@framework.hookimpl
def register_trackers(register: Callable[[Tracker], None]) -> None:
    register(Tracker("notes", "tests.dial:open_notes"))


@framework.hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("classification", "tests.dial:DialCandidate")
    register("classification", "tests.dial:OnwardCandidate")
    register("classification", "tests.dial:AveragedCandidate")
    register("classification", "tests.dial:ApartCandidate")
