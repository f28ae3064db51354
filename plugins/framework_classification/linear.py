"""TF-IDF and logistic regression: fitted by scikit-learn, run as an ONNX graph that is written without torch.

A text's sparse row goes in, not a dense one of 240,000 numbers: the graph gathers the weights of its n-grams and adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    FrameworkError,
    Graph,
    InputError,
    ModelFacts,
    NoOptions,
    Tensor,
    Tensors,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.calibration import IMPOSSIBLE, calibrated
from framework_classification.counting import LONGEST, MOST, SHORTEST, WORD, Counting
from framework_classification.data import ClassificationData
from framework_classification.linear_codec import GRAPH, LinearCodec

ROWS = 50_000  # training rows used at most
FILE = "linear.onnx"  # in the folder that is filled
MANY = 20  # classes from which on one solver for all of them takes minutes
WORDS = 200_000  # word n-grams kept, the most frequent: of 240,000 in 28,000 tweets all that count; half of them costs 0.003
LETTERS = 40_000  # character n-grams kept
WEIGHTS = 64_000_000  # of n-grams x classes: 256 MB in the file; of very many classes fewer n-grams are kept
TOLERANCE = 1e-5  # of a probability, between scikit-learn's and the graph's
APART = 1e-6  # of a weight, between scikit-learn's and ours


@dataclass(frozen=True)
class Linear:
    """A fitted linear classifier.

    weights: float32 (n-grams + 1, classes), the last row zero: it stands for no n-gram. bias: float32 (classes,).
    one_vs_rest: a sigmoid for each class, scaled to add up to 1, as of scikit-learn's SGDClassifier; else a softmax.
    """

    counting: Counting
    weights: np.ndarray
    bias: np.ndarray
    one_vs_rest: bool

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(rows, classes) float32, of which the softmax is the probabilities at temperature 1."""
        rows = [self.counting.features(text, MOST) for text in texts]
        scores: np.ndarray = np.stack([weights @ self.weights[ids] for ids, weights in rows]) + self.bias
        return -np.logaddexp(0, -scores) if self.one_vs_rest else scores


def tfidf(classes: int) -> Any:
    """What `Counting` computes, to be fitted: words (1-2) and characters within words (2-4), sublinear, of length one each."""
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
    return SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=20, tol=1e-3, random_state=seed)


def fit(texts: Sequence[str], targets: Sequence[int], classes: int, seed: int) -> tuple[Linear, Any]:
    """The classifier, and the scikit-learn pipeline that it equals. Targets count from 0; some classes may have no rows.

    Raises InputError where no text holds anything but white space.
    """
    from sklearn.pipeline import make_pipeline

    if not any(text.split() for text in texts):
        raise InputError("every training text is empty, so that no word can be learned; look at the column of the texts")
    occurring = len(np.unique(targets))
    pipeline = make_pipeline(tfidf(classes), regression(occurring, seed)).fit(texts, targets)
    return _linear(pipeline, classes, one_vs_rest=occurring > MANY), pipeline


def _linear(pipeline: Any, classes: int, *, one_vs_rest: bool) -> Linear:
    features, model = pipeline[0], pipeline[-1]
    coefficients, intercepts = model.coef_, model.intercept_
    if len(coefficients) == 1:  # of two classes scikit-learn keeps the log-odds of the second
        coefficients, intercepts = (np.concatenate([np.zeros_like(one), one]) for one in (coefficients, intercepts))
    weights = np.zeros((coefficients.shape[1] + 1, classes), np.float32)
    weights[:-1, model.classes_] = coefficients.T
    bias = np.full(classes, IMPOSSIBLE, np.float32)
    bias[model.classes_] = intercepts
    return Linear(Counting.of(features), weights, bias, one_vs_rest)


def onnx_model(linear: Linear, temperature: float = 1.0) -> Any:
    """An `onnx.ModelProto`: ids int64, weights float32 (batch, features) -> probabilities float32 (batch, classes).

    Texts pass one by one (Scan), so that it holds the gathered weights, features x classes, of one text alone. Of 32 texts
    with 4,096 features and 77 classes that takes 10 ms; gathered together it would be 40 MB and 55 ms.
    """
    from onnx import TensorProto, helper, numpy_helper

    classes, axes = len(linear.bias), ["batch", "features"]
    constants = {"table": linear.weights, "bias": linear.bias, "temperature": np.float32(temperature)}
    whole = helper.make_graph(
        _nodes(classes, linear.one_vs_rest),
        GRAPH,
        [_value("ids", TensorProto.INT64, axes), _value("weights", TensorProto.FLOAT, axes)],
        [_value("probabilities", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=10, producer_name="recipe-framework"
    )


def _nodes(classes: int, one_vs_rest: bool) -> list[Any]:
    from onnx import TensorProto, helper

    one_text = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "text_ids"], ["rows"], "gather"),
            helper.make_node("MatMul", ["text_weights", "rows"], ["sums"], "sum"),
        ],
        "text",
        [_value("text_ids", TensorProto.INT64, ["features"]), _value("text_weights", TensorProto.FLOAT, ["features"])],
        [_value("sums", TensorProto.FLOAT, [classes])],
    )
    nodes = [helper.make_node("Scan", ["ids", "weights"], ["totals"], "texts", body=one_text, num_scan_inputs=2)]
    nodes.append(helper.make_node("Add", ["totals", "bias"], ["scores"], "add"))
    if one_vs_rest:  # softmax(log sigmoid) is the sigmoids, scaled to add up to 1
        nodes.append(helper.make_node("Neg", ["scores"], ["negative"], "negate"))
        nodes.append(helper.make_node("Softplus", ["negative"], ["surprise"], "softplus"))
        nodes.append(helper.make_node("Neg", ["surprise"], ["log_sigmoids"], "log_sigmoid"))
    nodes.append(helper.make_node("Div", ["log_sigmoids" if one_vs_rest else "scores", "temperature"], ["logits"], "temper"))
    return [*nodes, helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1)]


def _value(name: str, kind: int, axes: Sequence[str | int]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, axes)


def graph(known: int, classes: int, source: Path | None = None) -> Graph:
    """What goes into `onnx_model` and comes out of it. Columns beside a short text are padded with the n-gram of no weight.

    known: n-grams. source: the file.
    """
    axes = ("batch", "features")
    return Graph(
        GRAPH,
        inputs=(Tensor("ids", "int64", axes, pad=known), Tensor("weights", "float32", axes)),
        outputs=(Tensor("probabilities", "float32", ("batch", classes)),),
        axes={"features": (1, MOST)},
        tolerance={"probabilities": TOLERANCE},
        decides="probabilities",
        source=source,
        example=lambda sizes: example_features(sizes, known),
    )


def example_features(sizes: Mapping[str, int], known: int) -> Tensors:
    """Arguments of the graph: random n-grams, with weights of length one."""
    shape = sizes["batch"], sizes["features"]
    random = np.random.default_rng(shape)
    weights = random.random(shape, np.float32)
    return {"ids": random.integers(0, known, shape), "weights": weights / np.linalg.norm(weights, axis=1, keepdims=True)}


def fit_linear(data: ClassificationData, context: FitContext[Classification, NoOptions]) -> None:
    """Fits, holds what answers to what scikit-learn says of the validation rows, and leaves a graph and its n-grams.

    Raises FrameworkError where the two differ.
    """
    train, validation = data.some(ROWS, context.seed), data.splits.validation
    linear, pipeline = fit(list(train.texts("text")), data.targets(train), len(data.labels), context.seed)
    texts, targets = list(validation.texts("text")), np.asarray(data.targets(validation))
    logits = linear.logits(texts)
    _hold_to(pipeline, linear, texts, logits)
    temperature, abstains = calibrated(context.task, logits, targets, context.show)
    settings = {"labels": data.labels, "calibrated_at": temperature, **abstains}
    facts = ModelFacts(rows=len(train), parameters=linear.weights.size, details={"n-grams": len(linear.counting)})
    resources = write_fitted(context.output, CodecSpec("classification_linear", settings), facts)
    linear.counting.save(resources)
    (context.output / FILE).write_bytes(onnx_model(linear, temperature).SerializeToString())


def open_linear(folder: Path) -> Fitted:
    fitted = read_fitted(folder)
    codec = LinearCodec(fitted.codec.settings, folder / "resources")
    return replace(fitted, graphs=(graph(len(codec.counting), len(codec.labels), folder / FILE),))


def _hold_to(pipeline: Any, linear: Linear, texts: Sequence[str], logits: np.ndarray) -> None:
    """Raises FrameworkError where features or probabilities are others than those of the fitted scikit-learn pipeline."""
    expected = pipeline[0].transform(texts)
    wrong = [row for row, text in enumerate(texts) if not _equal(linear.counting, text, expected[[row]])]
    classes = pipeline[-1].classes_
    probabilities = softmax(logits, axis=-1)[:, classes]
    apart = np.abs(probabilities - pipeline.predict_proba(texts)).max(initial=0.0)
    if wrong or apart > TOLERANCE:
        raise FrameworkError(
            f"the linear model does not compute what scikit-learn does: {len(wrong)} of {len(texts)} validation rows have "
            f"other features, probabilities differ by up to {apart:.1e}"
        )


def _equal(counting: Counting, text: str, expected: Any) -> bool:
    ids, weights = counting.features(text)
    row = np.zeros(len(counting) + 1, np.float32)
    row[ids] = weights
    row[expected.indices] -= expected.data
    return bool(np.abs(row).max() <= APART)
