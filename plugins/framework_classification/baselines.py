"""What the model must beat: the majority class, and TF-IDF with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from framework import FitContext, Fitted, Request, Response
from framework_classification.codec import answer
from framework_classification.data import ClassificationData

LETTERS = 40_000  # character n-grams kept, the most frequent


def majority(context: FitContext) -> Fitted:
    """Answers every text with the most frequent training label."""
    data: ClassificationData = context.data
    shares = np.bincount(data.targets(data.splits.train), minlength=len(data.labels)) / len(data.splits.train)

    def predict(requests: Sequence[Request]) -> list[Response]:
        return [answer(data.labels, shares) for _ in requests]

    return Fitted(predict=predict)


def tfidf_linear(context: FitContext) -> Fitted:
    """Words (1-2) and characters within words (2-4), sublinear TF-IDF, multinomial logistic regression."""
    data: ClassificationData = context.data
    pipeline = make_pipeline(_features(), LogisticRegression(C=4.0, max_iter=300))
    pipeline.fit(list(data.splits.train.columns["text"]), data.targets(data.splits.train))
    classes = list(pipeline[-1].classes_)

    def predict(requests: Sequence[Request]) -> list[Response]:
        found = pipeline.predict_proba([request["text"] for request in requests])
        full = np.zeros((len(requests), len(data.labels)))
        full[:, classes] = found
        return [answer(data.labels, row) for row in full]

    return Fitted(predict=predict)


def _features() -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]+")  # noqa: S106
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=LETTERS)
    return FeatureUnion([("words", words), ("letters", letters)])
