"""Begins fine-tuning with a fitted head: logistic regression on the backbone's features (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from framework_text.tokens import Batch

STRENGTH = 10.0  # inverse of the regularization, for features of length one
ITERATIONS = 1000  # at most; some dozens are usual
HELD_OUT = 5  # one row in so many judges whether the features say enough
ENOUGH = 0.4  # of the errors of the most frequent label that the probe must avoid; random features do not


def fit_head(network: nn.Module, classes: int, batches: Iterable[Batch]) -> float | None:
    """Fits the last linear layer to what reaches it, in place; returns its accuracy on rows held out, 0 to 1.

    None, and nothing is changed, where there is no such layer, a label is not there, or the features say too little.
    """
    head = _head(network, classes)
    if head is None:
        return None
    features, targets = _features(network, head, batches)
    scale = float(np.linalg.norm(features, axis=1).mean())
    held_out = np.arange(len(targets)) % HELD_OUT == 0
    if len(np.unique(targets[~held_out])) < 2 or not held_out.any():
        return None
    tried = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(features[~held_out] / scale, targets[~held_out])
    accuracy = float(tried.score(features[held_out] / scale, targets[held_out]))
    majority = float(np.bincount(targets[held_out]).max() / held_out.sum())
    if accuracy < majority + ENOUGH * (1 - majority) or len(np.unique(targets)) < classes:
        return None
    _write(head, LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(features / scale, targets), scale)
    return accuracy


def _write(head: nn.Linear, model: LogisticRegression, scale: float) -> None:
    weight, bias = model.coef_ / scale, model.intercept_
    if head.out_features == 2:  # scikit-learn keeps one row, the log-odds of the second class
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(bias))


def _head(network: nn.Module, classes: int) -> nn.Linear | None:
    linear = [part for part in network.modules() if isinstance(part, nn.Linear)]
    return linear[-1] if linear and linear[-1].out_features == classes else None


def _features(network: nn.Module, head: nn.Linear, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
    """What reaches the head, (rows, width), and targets (rows,), in eval mode."""
    found: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0].float().cpu()))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device)
    try:
        with torch.no_grad():
            for batch in batches:
                network(input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device))
                targets.append(batch["labels"])
    finally:
        hook.remove()
        network.to("cpu")
    return torch.cat(found).numpy(), torch.cat(targets).numpy()
