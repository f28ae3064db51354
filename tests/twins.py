"""A plugin from outside with a twin of the linear classifier, which sees half of the training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import framework
from framework import Candidate, FitContext, Fitted, NoOptions
from framework_classification import Classification
from framework_classification.candidates import LinearCandidate
from framework_classification.data import ClassificationData


class Half(Candidate[Classification, ClassificationData, NoOptions]):
    """The linear classifier, fitted to every other training row."""

    name: ClassVar[str] = "half"
    title: ClassVar[str] = "half of the rows"

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        train = data.splits.train.take(range(0, len(data.splits.train), 2))
        LinearCandidate().fit(replace(data, splits=replace(data.splits, train=train)), context)

    def open(self, folder: Path) -> Fitted:
        return LinearCandidate().open(folder)


@framework.hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("classification", "tests.twins:Half")
