"""A linear classifier as an ONNX graph, written with `onnx` alone. No torch.

A text's sparse row goes in, not a dense one of 240,000 numbers: the graph gathers the weights of its n-grams and adds them up.
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
