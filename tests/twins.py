"""A plugin from outside with a twin of the linear classifier, which sees half of the training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import framework
from framework import FitContext, NoOptions
from framework_classification import Classification
from framework_classification.candidates import LinearCandidate
from framework_classification.data import ClassificationData


class Half(LinearCandidate):
    """The linear classifier, fitted to every other training row."""

    name: ClassVar[str] = "half"
    title: ClassVar[str] = "half of the rows"
    role = "model"  # type: ignore[assignment]

    def fit(self, data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
        train = data.splits.train.take(range(0, len(data.splits.train), 2))
        super().fit(replace(data, splits=replace(data.splits, train=train)), context)


@framework.hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    register("classification", "tests.twins:Half")
