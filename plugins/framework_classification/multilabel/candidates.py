"""The candidates of multilabel, from the most frequent labels to a fine-tuned encoder, the cheap ones first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from framework import Candidate, CodecSpec, FitContext, Fitted, NoOptions, message, read_fitted, write_fitted
from framework_classification import Multilabel
from framework_classification.candidates import FineTuned, Frozen
from framework_classification.multilabel.data import LabelSetData
from framework_text.options import FineTuning, FrozenFeatures


class Frequent(Candidate[Multilabel, LabelSetData, NoOptions]):
    """Answers every text with the most frequent labels, as many as give the training rows the highest micro-F1.

    Probabilities are the labels' shares of the training rows.
    """

    name: ClassVar[str] = "frequent"
    title: ClassVar[str] = message("most frequent labels")
    role = "baseline"

    def fit(self, data: LabelSetData, context: FitContext[Multilabel, NoOptions]) -> None:
        train = data.splits.train
        counts = data.counts(train)
        ranked = np.sort([counts[label] for label in data.labels])[::-1]
        f1 = 2 * ranked.cumsum() / (np.arange(1, len(ranked) + 1) * len(train) + ranked.sum())
        threshold = float(ranked[f1.argmax()] / len(train))
        shares = [counts[label] / len(train) for label in data.labels]
        settings = {**data.settings(), "shares": shares, "thresholds": [threshold] * len(shares)}
        write_fitted(context.output, CodecSpec("multilabel_constant", settings))

    def open(self, folder: Path) -> Fitted:
        return read_fitted(folder)


class LinearLabels(Candidate[Multilabel, LabelSetData, NoOptions]):
    """TF-IDF of word and character n-grams, computed by the codec, and a logistic regression for each label as a graph."""

    name: ClassVar[str] = "linear"
    title: ClassVar[str] = message("TF-IDF + logistic regression")
    role = "baseline"

    def fit(self, data: LabelSetData, context: FitContext[Multilabel, NoOptions]) -> None:
        from framework_classification.multilabel.linear import fit_linear

        fit_linear(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.multilabel.linear import open_linear

        return open_linear(folder)


class FrozenLabels(Frozen[Multilabel, LabelSetData]):
    """Features of a pretrained encoder with fixed weights, and a logistic regression for each label, as one graph."""

    def fit(self, data: LabelSetData, context: FitContext[Multilabel, FrozenFeatures]) -> None:
        from framework_classification.multilabel.frozen import fit_frozen

        fit_frozen(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.multilabel.frozen import open_frozen

        return open_frozen(folder)


class FineTunedLabels(FineTuned[Multilabel, LabelSetData]):
    """A pretrained encoder whose weights are fine-tuned by binary cross entropy, each label with a fitted scaling."""

    fit_modules: ClassVar[Sequence[str]] = ("framework_classification.multilabel.fine_tuned",)

    def fit(self, data: LabelSetData, context: FitContext[Multilabel, FineTuning]) -> None:
        from framework_classification.multilabel.fine_tuned import fit

        fit(data, context)

    def open(self, folder: Path) -> Fitted:
        from framework_classification.multilabel.fine_tuned import open_fitted

        return open_fitted(folder)
