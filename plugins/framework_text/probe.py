"""Begins fine-tuning with a fitted head: logistic regression on the backbone's features (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from framework_text.tokens import Batch

STRENGTH = 10.0  # inverse of the regularization, for features of length one
ITERATIONS = 100


def fit_head(network: nn.Module, classes: int, batches: Iterable[Batch]) -> bool:
    """Fits the last linear layer to what reaches it, in place. False where the network has none, or a label is not there."""
    head = _head(network, classes)
    if head is None:
        return False
    features, targets = _features(network, head, batches)
    if len(np.unique(targets)) < classes:
        return False
    scale = float(np.linalg.norm(features, axis=1).mean())
    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(features / scale, targets)
    weight, bias = model.coef_ / scale, model.intercept_
    if classes == 2:  # scikit-learn keeps one row, the log-odds of the second class
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(bias))
    return True


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
