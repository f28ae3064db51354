"""Static token vectors: the vectors of a text's tokens, weighed by rarity, are averaged, and the mean is classified. No torch.

Only `fit` imports scikit-learn.

Vectors come from a frozen encoder that read each token alone, reduced by PCA (Tulkens and van Dongen 2024, Model2Vec). Weights
are those of smooth inverse frequency (Arora et al. 2017, A Simple but Tough-to-Beat Baseline for Sentence Embeddings).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import Budget
from framework_classification.linear import coefficients
from framework_text.options import StaticVectors

if TYPE_CHECKING:
    from framework_classification.regression import Tried

# Of smooth inverse frequency: a token that makes up this share of all tokens weighs one half. The paper recommends the first;
# where frequent words tell labels apart, as in short questions about one subject, a larger one is better.
SMOOTHINGS = (1e-3, 1e-2, 1e-1)
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # inverse of the regularization, of standardised features
TYPICAL = 0.1  # the strength at which smoothings are compared
LEAST = 0.01  # smallest scale of a feature, of the mean deviation
EMPTY = 1e-9  # the sum of weights of a text without a weighing token

Counts = Any  # scipy.sparse.csr_matrix (texts, vocabulary): how often each token occurs in each text
Rows = tuple[Counts, np.ndarray]  # the tokens of texts, and the class number of each text


@dataclass(frozen=True)
class TokenVectors:
    """The tokens that have a vector; every other token counts for nothing."""

    tokens: np.ndarray
    """int64 (tokens,): their ids."""
    vectors: np.ndarray
    """float32 (tokens, columns)."""
    weights: np.ndarray
    """float32 (tokens,), from 0 to 1."""

    def means(self, counts: Counts) -> np.ndarray:
        """The weighted mean of each text's token vectors, float32 (texts, columns); zero for a text without any."""
        occurring = counts[:, self.tokens]
        total = np.maximum(occurring @ self.weights, EMPTY)
        means: np.ndarray = (occurring @ (self.weights[:, None] * self.vectors)) / total[:, None]
        return means


@dataclass(frozen=True)
class Static:
    """A fitted classifier over static token vectors: softmax((means x head + bias) / temperature)."""

    vectors: TokenVectors
    """Standardised; where there are fewer classes than dimensions, already multiplied by the coefficients, which is smaller."""
    head: np.ndarray | None
    """float32 (dimensions, classes); None where the vectors' columns are the classes."""
    bias: np.ndarray
    """float32 (classes,)."""
    vocabulary: int
    """Number of token ids."""

    def logits(self, counts: Counts) -> np.ndarray:
        """(texts, classes) float32, whose softmax is the probabilities at temperature 1."""
        means = self.vectors.means(counts)
        logits: np.ndarray = (means if self.head is None else means @ self.head) + self.bias
        return logits


@dataclass(frozen=True)
class StaticFit:
    """A fitted classifier, and what it was fitted with."""

    classifier: Static
    dimensions: int
    smoothing: float
    strength: float
    """Inverse of the regularization; it and the smoothing are the best on validation."""
    regression: Any
    """The scikit-learn model, over `means`."""
    means: np.ndarray
    """float32 (validation rows, dimensions), standardised, which `regression` answers as `classifier` answers their texts."""


def token_counts(tokens: np.ndarray, lengths: np.ndarray, vocabulary: int) -> Counts:
    """How often each token occurs in each text. tokens: ids of all texts, concatenated. lengths: (texts,), tokens of each."""
    from scipy.sparse import csr_matrix

    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    ones = np.ones(len(tokens), np.float32)
    return csr_matrix((ones, tokens, ends), shape=(len(lengths), vocabulary), copy=True)  # scipy may reorder its indices


def by_frequency(counts: Counts, readable: Collection[int]) -> np.ndarray:
    """The readable token ids, those that occur most often first, equal ones in the order of the vocabulary.

    The vocabularies of tokenizers begin with their most frequent entries.
    """
    frequency = np.asarray(counts.sum(0), np.float64).ravel()
    order = np.argsort(-frequency, kind="stable")
    return order[np.isin(order, list(readable))]


def fit(
    tokens: np.ndarray,
    features: np.ndarray,
    train: Rows,
    validation: Rows,
    classes: int,
    options: StaticVectors,
    budget: Budget,
) -> StaticFit:
    """Reduces features of tokens by PCA, weighs them, and fits a logistic regression over the weighted means.

    tokens: int64 (tokens,), ids. features: float32 (tokens, width). classes: how many there are. budget: of the regressions.
    """
    from sklearn.decomposition import PCA

    from framework_classification.regression import best_strength

    counts, dimensions = train[0], min(options.dimensions, *features.shape)
    reduced = PCA(dimensions, svd_solver="covariance_eigh").fit_transform(features).astype(np.float32)

    def tried(smoothing: float, strengths: Sequence[float]) -> tuple[TokenVectors, Tried]:
        vectors = standardised(TokenVectors(tokens, reduced, sif_weights(counts, tokens, smoothing)), counts)
        rows, held_out = ((vectors.means(texts), targets) for texts, targets in (train, validation))
        return vectors, best_strength(strengths, rows, held_out, classes, budget)

    smoothings = SMOOTHINGS if options.smoothing is None else (options.smoothing,)
    smoothing = min(smoothings, key=lambda one: tried(one, [TYPICAL])[1].loss) if len(smoothings) > 1 else smoothings[0]
    vectors, best = tried(smoothing, STRENGTHS)
    weight, bias = coefficients(best.regression, classes)
    head = None if classes <= dimensions else np.ascontiguousarray(weight.T)
    table = vectors if head is not None else replace(vectors, vectors=vectors.vectors @ weight.T)
    classifier = Static(table, head, bias, counts.shape[1])
    return StaticFit(classifier, dimensions, smoothing, best.strength, best.regression, vectors.means(validation[0]))


def sif_weights(counts: Counts, tokens: np.ndarray, smoothing: float) -> np.ndarray:
    """Smoothing / (smoothing + p), float32 (tokens,). p: share of the token among all occurrences of these tokens; 0 if it does
    not occur.
    """
    frequency = np.asarray(counts.sum(0), np.float64).ravel()[tokens]
    shares = frequency / max(frequency.sum(), 1.0)
    weights: np.ndarray = (smoothing / (smoothing + shares)).astype(np.float32)
    return weights


def standardised(vectors: TokenVectors, counts: Counts) -> TokenVectors:
    """The vectors shifted and scaled so that the means of these texts have mean 0 and deviation 1 in every dimension."""
    means = vectors.means(counts)
    center, deviation = means.mean(0), means.std(0)
    scale = np.maximum(deviation, max(LEAST * float(deviation.mean()), EMPTY))
    return replace(vectors, vectors=((vectors.vectors - center) / scale).astype(np.float32))
