"""A linear classifier as an ONNX graph, built with `onnx`. No torch.

The input is a text's sparse row, not a dense one of 240,000 numbers: the graph gathers its n-grams' weights and adds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Graph, Tensor, Tensors
from framework_classification.counting import MOST
from framework_classification.linear import Linear
from framework_classification.linear_codec import GRAPH

TOLERANCE = 1e-5  # of a probability


def onnx_model(linear: Linear, temperature: float = 1.0, *, several: bool = False) -> Any:
    """An `onnx.ModelProto`: ids int64, weights float32 (batch, features) -> probabilities float32 (batch, classes).

    several: a text has any number of the labels, so that probabilities are sigmoids; else they add up to 1.

    A Scan takes texts one by one, so that only one text's gathered weights, features x classes, are in memory. For 32 texts
    with 4,096 features and 77 classes this takes 10 ms; gathered together they would take 40 MB and 55 ms.
    """
    from onnx import TensorProto, helper, numpy_helper

    classes, axes = len(linear.bias), ["batch", "features"]
    constants = {"table": linear.weights, "bias": linear.bias, "temperature": np.float32(temperature)}
    graph_proto = helper.make_graph(
        _nodes(classes, linear.one_vs_rest, several),
        GRAPH,
        [_value("ids", TensorProto.INT64, axes), _value("weights", TensorProto.FLOAT, axes)],
        [_value("probabilities", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(
        graph_proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=10, producer_name="recipe-framework"
    )


def _nodes(classes: int, one_vs_rest: bool, several: bool) -> list[Any]:
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
    if several:
        return [*nodes, helper.make_node("Sigmoid", ["logits"], ["probabilities"], "sigmoid")]
    return [*nodes, helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1)]


def _value(name: str, kind: int, axes: Sequence[str | int]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, axes)


def graph(ngrams: int, classes: int, source: Path | None = None, thresholds: Sequence[float] | None = None) -> Graph:
    """The inputs and outputs of `onnx_model`; shorter texts of a batch are padded with the column that stands for no n-gram.

    ngrams, classes: how many there are. source: the file of the model. thresholds: of each label, where a text has any number
    of them.
    """
    axes = ("batch", "features")
    return Graph(
        GRAPH,
        inputs=(Tensor("ids", "int64", axes, pad=ngrams), Tensor("weights", "float32", axes)),
        outputs=(Tensor("probabilities", "float32", ("batch", classes)),),
        axes={"features": (1, MOST)},
        tolerance={"probabilities": TOLERANCE},
        decides="probabilities" if thresholds is None else None,
        thresholds={} if thresholds is None else {"probabilities": tuple(thresholds)},
        source=source,
        example=lambda sizes: example_features(sizes, ngrams),
    )


def example_features(sizes: Mapping[str, int], ngrams: int) -> Tensors:
    """Arguments of the graph: random n-grams, each text's weights with an L2 norm of 1. sizes: of the axes, by name."""
    shape = sizes["batch"], sizes["features"]
    random = np.random.default_rng(shape)
    weights = random.random(shape, np.float32)
    return {"ids": random.integers(0, ngrams, shape), "weights": weights / np.linalg.norm(weights, axis=1, keepdims=True)}
