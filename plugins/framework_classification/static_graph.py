"""A classifier over static token vectors as an ONNX graph, built with `onnx`. No torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from framework import Graph, Tensor
from framework_classification.static import EMPTY, Static
from framework_text.tokenizer import example_tokens

GRAPH = "classifier"
TOLERANCE = 1e-5  # of a probability
AXES = ("batch", "sequence")


def onnx_model(static: Static, temperature: float = 1.0) -> Any:
    """An `onnx.ModelProto`: input_ids, attention_mask int64 (batch, sequence) -> probabilities float32 (batch, classes).

    Row 0 of the tables is zero and stands for every token without a vector.
    """
    from onnx import TensorProto, helper, numpy_helper

    vectors = static.vectors
    rows = np.zeros(static.vocabulary, np.int64)
    rows[vectors.tokens] = np.arange(1, len(vectors.tokens) + 1)
    constants = {
        "rows": rows,
        "vectors": np.concatenate([np.zeros((1, vectors.vectors.shape[1]), np.float32), vectors.vectors]),
        "weights": np.concatenate([np.zeros(1, np.float32), vectors.weights]),
        "bias": static.bias,
        "temperature": np.float32(temperature),
        "empty": np.float32(EMPTY),
        "axis": np.array([1], np.int64),
        **({} if static.head is None else {"head": static.head}),
    }
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, AXES) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(static.bias)])
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph_proto = helper.make_graph(_nodes(static.head is not None), GRAPH, inputs, [output], tensors)
    return helper.make_model(
        graph_proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=10, producer_name="recipe-framework"
    )


def _nodes(has_head: bool) -> list[Any]:
    from onnx import TensorProto, helper

    node = helper.make_node
    return [
        node("Gather", ["rows", "input_ids"], ["places"], "place"),
        node("Gather", ["vectors", "places"], ["token_vectors"], "vector"),
        node("Gather", ["weights", "places"], ["token_weights"], "weight"),
        node("Cast", ["attention_mask"], ["attended"], "attend", to=TensorProto.FLOAT),
        node("Mul", ["token_weights", "attended"], ["kept_weights"], "keep"),
        node("Unsqueeze", ["kept_weights", "axis"], ["weight_rows"], "as_row"),
        node("MatMul", ["weight_rows", "token_vectors"], ["sum_rows"], "sum"),
        node("Squeeze", ["sum_rows", "axis"], ["sums"], "as_vector"),
        node("ReduceSum", ["kept_weights", "axis"], ["total"], "total", keepdims=1),
        node("Max", ["total", "empty"], ["divisor"], "not_zero"),
        node("Div", ["sums", "divisor"], ["means"], "mean"),
        *([node("MatMul", ["means", "head"], ["products"], "head")] if has_head else []),
        node("Add", ["products" if has_head else "means", "bias"], ["scores"], "add"),
        node("Div", ["scores", "temperature"], ["logits"], "temper"),
        node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1),
    ]


def graph(vocabulary: int, classes: int, max_length: int, pad: int, source: Path | None = None) -> Graph:
    """The inputs and outputs of `onnx_model`. vocabulary, classes: how many there are. source: the file of the model.

    max_length: tokens of a text, at most. pad: token id of the padding.
    """
    return Graph(
        GRAPH,
        inputs=(Tensor("input_ids", "int64", AXES, pad=pad), Tensor("attention_mask", "int64", AXES)),
        outputs=(Tensor("probabilities", "float32", ("batch", classes)),),
        axes={"sequence": (1, max_length)},
        tolerance={"probabilities": TOLERANCE},
        decides="probabilities",
        source=source,
        example=partial(example_tokens, vocabulary=vocabulary),
    )
