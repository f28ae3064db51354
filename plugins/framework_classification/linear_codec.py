"""Codecs of classifiers without a tokenizer: a linear model over n-grams, and constant answers. No torch, no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, Request, Steps
from framework_classification.codec import LabelCodec, TextCodec
from framework_classification.counting import MOST, Counting

GRAPH = "linear"


class FromNgrams(TextCodec):
    """A base class of codecs that compute probabilities from the TF-IDF of n-grams. resources: a saved `Counting`."""

    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.counting = Counting.load(resources)

    def start(self, request: Request) -> Steps:
        ids, weights = self.counting.features(request["text"], MOST)
        outputs = yield Call(GRAPH, {"ids": ids[None], "weights": weights[None]})
        return self.respond(outputs["probabilities"][0])


class Constant(TextCodec):
    """A base class of codecs that answer every text with the same probabilities, without a graph.

    settings: ``shares``, of each label among the training rows.
    """

    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.shares = np.asarray(settings["shares"], np.float64)

    def start(self, request: Request) -> Steps:
        yield from ()
        return self.respond(self.shares)


class LinearCodec(FromNgrams, LabelCodec):
    """Text -> TF-IDF -> probabilities -> label. settings: those of `LabelCodec`; resources: a saved `Counting`."""


class ConstantCodec(Constant, LabelCodec):
    """The same label for every text. settings: those of `LabelCodec`, and ``shares``."""
