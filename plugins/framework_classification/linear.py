"""TF-IDF and logistic regression, fitted by scikit-learn, which only the fit imports. No torch."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np

from framework import InputError
from framework_classification.calibration import IMPOSSIBLE
from framework_classification.counting import LONGEST, MOST, SHORTEST, WORD, Counting

EPOCHS = 20  # of the descent for many classes, at most
MANY = 20  # classes above which a multinomial solver would take minutes
WORDS = 200_000  # most frequent word n-grams kept: of 240,000 in 28,000 tweets all that matter; half as many cost 0.003
LETTERS = 40_000  # character n-grams kept
WEIGHTS = 64_000_000  # n-grams x classes, at most, 256 MB in the file; with very many classes fewer n-grams are kept
APART = 1e-6  # difference allowed between a weight of scikit-learn's and of `Counting`


@dataclass(frozen=True)
class Linear:
    """A fitted linear classifier."""

    counting: Counting
    weights: np.ndarray
    """(n-grams + 1, classes) float32; the last row is zero and stands for no n-gram."""
    bias: np.ndarray
    """(classes,) float32."""
    one_vs_rest: bool
    """Probabilities are a sigmoid for each class, scaled to add up to 1, as in scikit-learn's SGDClassifier; else a softmax."""

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(rows, classes) float32, whose softmax is the probabilities at temperature 1."""
        rows = [self.counting.features(text, MOST) for text in texts]
        scores: np.ndarray = np.stack([weights @ self.weights[ids] for ids, weights in rows]) + self.bias
        return -np.logaddexp(0, -scores) if self.one_vs_rest else scores


def tfidf(classes: int) -> Any:
    """The unfitted scikit-learn features that `Counting` computes: sublinear TF-IDF of 1-2 words and of 2-4 characters within
    words, each kind with an L2 norm of 1. classes: how many there are.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    share = min(1.0, WEIGHTS / classes / (WORDS + LETTERS))
    shared: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(token_pattern=WORD.pattern, ngram_range=(1, 2), max_features=int(WORDS * share), **shared)
    within: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (SHORTEST, LONGEST)}
    letters = TfidfVectorizer(**within, max_features=int(LETTERS * share), **shared)
    return FeatureUnion([("words", words), ("letters", letters)])


def regression(classes: int, seed: int) -> Any:
    """Logistic regression; for many classes by stochastic gradient descent, one class against the rest."""
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    if classes <= MANY:
        return LogisticRegression(C=4.0, solver="newton-cg")  # ten iterations where lbfgs takes over a hundred
    return SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=EPOCHS, tol=1e-3, random_state=seed)


def fitted_regression(features: Any, targets: np.ndarray, seed: int, seconds: float) -> Any:
    """`regression`, fitted in about so many seconds: a descent reads the rows once for each class at least.

    features: (rows, n-grams). targets: (rows,) class numbers.
    """
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    classes = np.unique(targets)
    model = regression(len(classes), seed)
    if len(classes) > MANY and seconds < inf:
        started = time.perf_counter()
        clone(model).set_params(max_iter=1, tol=None).fit(features, targets == classes[0])
        epochs = seconds / (len(classes) * (time.perf_counter() - started))
        model.set_params(max_iter=int(np.clip(epochs, 1, EPOCHS)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, targets)


def fit(texts: Sequence[str], targets: Sequence[int], classes: int, seed: int, seconds: float = inf) -> tuple[Linear, Any]:
    """The classifier, and the scikit-learn pipeline that it equals.

    targets: class numbers from 0 to `classes` - 1, some of which may have no rows. seconds: see `fitted_regression`. Raises
    InputError where every text is blank.
    """
    pipeline = fit_pipeline(texts, classes, partial(fitted_regression, targets=np.asarray(targets), seed=seed, seconds=seconds))
    one_vs_rest = len(pipeline[-1].classes_) > MANY
    return linear_of(pipeline, *coefficients(pipeline[-1], classes), one_vs_rest=one_vs_rest), pipeline


def fit_pipeline(texts: Sequence[str], classes: int, fitted: Callable[[Any], Any]) -> Any:
    """`tfidf` and a model of scikit-learn behind it, both fitted. fitted: fits the model to the features of the texts.

    Raises InputError where every text is blank.
    """
    from sklearn.pipeline import make_pipeline

    if not any(text.split() for text in texts):
        raise InputError("every training text is empty, so that no word can be learned; look at the column of the texts")
    grams = tfidf(classes)
    return make_pipeline(grams, fitted(grams.fit_transform(texts)))


def linear_of(pipeline: Any, weights: np.ndarray, bias: np.ndarray, *, one_vs_rest: bool) -> Linear:
    """The classifier with the features of a fitted pipeline. weights: (classes, n-grams). bias: (classes,)."""
    padded = np.concatenate([weights.T, np.zeros((1, len(weights)), np.float32)])
    return Linear(Counting.of(pipeline[0]), padded, bias, one_vs_rest)


def coefficients(model: Any, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, features) and bias (classes,), float32, of a fitted scikit-learn classifier.

    A class that the model was not fitted to gets the bias `IMPOSSIBLE`.
    """
    weights, intercepts = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes scikit-learn keeps the log-odds of the second
        weights, intercepts = (np.concatenate([np.zeros_like(row), row]) for row in (weights, intercepts))
    all_weights, bias = np.zeros((classes, weights.shape[1]), np.float32), np.full(classes, IMPOSSIBLE, np.float32)
    all_weights[model.classes_], bias[model.classes_] = weights, intercepts
    return all_weights, bias


def other_features(features: Any, counting: Counting, texts: Sequence[str]) -> list[int]:
    """The positions of texts whose features differ from those of the fitted scikit-learn `tfidf`. features: that `tfidf`."""
    expected = features.transform(texts)
    return [row for row, text in enumerate(texts) if not _equals(counting, text, expected[[row]])]


def _equals(counting: Counting, text: str, expected: Any) -> bool:
    ids, weights = counting.features(text)
    row = np.zeros(len(counting) + 1, np.float32)
    row[ids] = weights
    row[expected.indices] -= expected.data
    return bool(np.abs(row).max() <= APART)
