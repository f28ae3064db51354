"""Fits and opens an encoder that is fine-tuned to any number of labels a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import CodecSpec, FitContext, Fitted, Table, read_fitted
from framework_classification import Multilabel
from framework_classification.fine_tuned import open_tuned, tuned
from framework_classification.multilabel.calibration import calibrated, calibrated_loss
from framework_classification.multilabel.codec import LabelsCodec
from framework_classification.multilabel.data import LabelSetData
from framework_classification.multilabel.module import LabelsClassifier
from framework_classification.multilabel.platt import Platt
from framework_text.encoder import EncoderModule, LabelProbabilities, Target
from framework_text.options import FineTuning


def fit(data: LabelSetData, context: FitContext[Multilabel, FineTuning]) -> None:
    """Fine-tunes the backbone, calibrates each label on validation, and fills the folder that `open_fitted` opens."""

    def module(network: Any, options: FineTuning) -> EncoderModule:
        network.config.problem_type = "multi_label_classification"  # so that transformers' pipelines apply a sigmoid
        return LabelsClassifier(network, len(data.labels), options)

    def targets(table: Table) -> Sequence[Target]:
        rows: list[list[int]] = data.targets(table).astype(np.int64).tolist()
        return rows

    with tuned(data, context, module, targets, calibrated_loss) as fitted:
        settled = calibrated(data.labels, fitted.logits, fitted.targets > 0, context.show)
        fitted.save_network(context)
        fitted.save(context, CodecSpec("multilabel", {**data.settings(), **settled.settings}))


def open_fitted(folder: Path) -> Fitted:
    """The classifier that `fit` saved, with a graph that computes probabilities."""
    settings = read_fitted(folder).codec.settings
    platt = Platt.read(settings["calibrated"])
    assert platt is not None

    def module(network: Any) -> LabelProbabilities:
        return LabelProbabilities(network, platt.scale, platt.shift)

    return open_tuned(folder, LabelsCodec, module, settings["thresholds"])
