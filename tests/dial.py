"""A candidate from outside whose settings decide how good it is, fitted in an instant, to be searched."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import framework
from framework import Candidate, Choice, CodecSpec, FitContext, Fitted, Range, Space, read_fitted, write_fitted


@dataclass
class Dial:
    """Options of `candidates: dial`."""

    answer: int = 2  # index of the label that it always answers
    temper: str = "calm"  # "murderous" is killed, "faulty" fails, "greedy" runs out of memory
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


@framework.hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("classification", "tests.dial:DialCandidate")
    register("classification", "tests.dial:OnwardCandidate")
    register("classification", "tests.dial:AveragedCandidate")
