"""Codecs of answers with any number of labels: text -> probabilities -> labels above their thresholds. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import DrawnLabels, Interface, Response
from framework_classification.codec import EXAMPLE, REQUEST, SHARE, FromTokens, TextCodec
from framework_classification.linear_codec import Constant, FromNgrams
from framework_classification.multilabel.platt import Platt

BETWEEN = "|"  # the labels of an answer in a file


class LabelSetCodec(TextCodec):
    """A base class of codecs that answer with labels: everything but computing the probabilities.

    An answer holds every label whose probability reaches the label's threshold, in the order of ``settings["labels"]``.
    """

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        """settings: ``labels``, in the order of the probabilities; ``thresholds``, one a label; ``calibrated``, the `Platt`
        scaling within the graph; ``recalibrated`` of a lossy file, applied on top of it.
        """
        super().__init__(settings, resources)
        self.thresholds = np.asarray(settings["thresholds"], np.float64)
        self.calibrated = Platt.read(settings.get("calibrated"))
        """Made the answered probabilities from uncalibrated ones; None where nothing was fitted."""
        self.recalibrated = Platt.read(settings.get("recalibrated"))
        if self.calibrated is not None and self.recalibrated is not None:
            self.calibrated = self.calibrated.then(self.recalibrated)

    def respond(self, probabilities: np.ndarray) -> Response:
        if self.recalibrated is not None:
            probabilities = self.recalibrated.of_probabilities(probabilities)
        chosen = np.flatnonzero(probabilities >= self.thresholds)
        return {
            "labels": [self.labels[i] for i in chosen],
            "probabilities": {label: float(p) for label, p in zip(self.labels, probabilities, strict=True)},
        }

    def flatten(self, response: Response) -> dict[str, str]:
        probabilities = [f"{response['probabilities'][label]:.4f}" for label in response["labels"]]
        return {"labels": BETWEEN.join(response["labels"]), "probabilities": BETWEEN.join(probabilities)}

    def interface(self) -> Interface:
        properties: dict[str, Any] = {
            "labels": {
                "type": "array",
                "items": {"type": "string", "enum": self.labels},
                "description": "Every label whose probability reaches its threshold; none is an answer too",
            },
            "probabilities": {
                "type": "object",
                "additionalProperties": SHARE,
                "description": "Calibrated probability of each label, whatever the others",
            },
        }
        return Interface(
            request=REQUEST,
            response={"type": "object", "properties": properties, "required": list(properties)},
            example=EXAMPLE,
            drawing=DrawnLabels("labels", "probabilities"),
            is_argmax=False,
        )


class LabelsCodec(FromTokens, LabelSetCodec):
    """Text -> token ids -> probabilities -> labels. settings: those of `LabelSetCodec`; resources: the tokenizer."""


class LinearLabelsCodec(FromNgrams, LabelSetCodec):
    """Text -> TF-IDF -> probabilities -> labels. settings: those of `LabelSetCodec`; resources: a saved `Counting`."""


class ConstantLabelsCodec(Constant, LabelSetCodec):
    """The same labels for every text. settings: those of `LabelSetCodec`, and ``shares``."""
