"""Codecs of classifiers without a tokenizer: a linear model over n-grams, and constant answers. No torch, no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, Request, Steps
from framework_classification.codec import LabelCodec
from framework_classification.counting import MOST, Counting

GRAPH = "linear"


class LinearCodec(LabelCodec):
    """Text -> TF-IDF of its n-grams -> probabilities. settings: those of `LabelCodec`; resources: a saved `Counting`."""

    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.counting = Counting.load(resources)

    def start(self, request: Request) -> Steps:
        ids, weights = self.counting.features(request["text"], MOST)
        outputs = yield Call(GRAPH, {"ids": ids[None], "weights": weights[None]})
        return self.respond(outputs["probabilities"][0])


class ConstantCodec(LabelCodec):
    """Answers every text with the same probabilities, without a graph.

    settings: those of `LabelCodec`, and ``shares``, of each label among the training rows.
    """

    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.shares = np.asarray(settings["shares"], np.float64)

    def start(self, request: Request) -> Steps:
        yield from ()
        return self.respond(self.shares)
