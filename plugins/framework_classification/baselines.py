"""What the model must beat: the majority class, and TF-IDF with logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from framework import FitContext, Fitted, Request, Response
from framework_classification.codec import answer
from framework_classification.data import ClassificationData

ROWS = 50_000  # training rows used at most
MANY = 20  # classes from which on one solver for all of them takes minutes
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
    table = data.some(ROWS, context.seed)
    pipeline = make_pipeline(_features(), _regression(len(data.labels), context.seed))
    pipeline.fit(list(table.texts("text")), data.targets(table))
    classes = list(pipeline[-1].classes_)

    def predict(requests: Sequence[Request]) -> list[Response]:
        found = pipeline.predict_proba([request["text"] for request in requests])
        full = np.zeros((len(requests), len(data.labels)))
        full[:, classes] = found
        return [answer(data.labels, row) for row in full]

    return Fitted(predict=predict, facts={"rows": len(table)} if len(table) < len(data.splits.train) else {})


def _regression(classes: int, seed: int) -> Any:
    """Logistic regression; for many classes by stochastic gradient descent, one class against the rest."""
    if classes <= MANY:
        return LogisticRegression(C=4.0, solver="newton-cg")  # ten iterations where lbfgs takes over a hundred
    return SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=20, tol=1e-3, random_state=seed)


def _features() -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]+", sublinear_tf=True, dtype=np.float32)  # noqa: S106
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=LETTERS, dtype=np.float32)
    return FeatureUnion([("words", words), ("letters", letters)])
