"""The graph over token ids that encoders are exported as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from framework import Graph, Tensor
from framework_text.tokenizer import example_tokens

TOLERANCE = 1e-4  # largest difference of a probability between the trained module and an exact file
AXES = ("batch", "sequence")


def encoder_graph(
    name: str,
    module: nn.Module,
    output: Tensor,
    config: Any,
    max_length: int,
    pad: int,
    beside: Mapping[Tensor, float] | None = None,
    *,
    thresholds: Sequence[float] | None = None,
) -> Graph:
    """A graph input_ids, attention_mask (batch, sequence) -> probabilities.

    output: the probabilities. config: transformers' config of the network. max_length: tokens of a text, at most. pad: id of
    the padding token. beside: the tolerance of each output after the probabilities, such as features. thresholds: (classes,),
    from which probability on each is answered; None: the argmax over the last axis is the answer.
    """
    more = beside or {}
    return Graph(
        name,
        inputs=(Tensor("input_ids", "int64", AXES, pad=pad), Tensor("attention_mask", "int64", AXES)),
        outputs=(output, *more),
        axes={"sequence": (1, max_length)},
        tolerance={output.name: TOLERANCE, **{tensor.name: tolerance for tensor, tolerance in more.items()}},
        unscaled=tuple(tensor.name for tensor in more),
        decides=output.name if thresholds is None else None,
        thresholds={} if thresholds is None else {output.name: tuple(thresholds)},
        source=module,
        example=partial(example_tokens, vocabulary=config.vocab_size),
    )
