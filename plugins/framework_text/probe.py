"""Begins fine-tuning with a fitted head: logistic regression on the backbone's features (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from framework_text.tokens import IGNORED, Batch

STRENGTH = 10.0  # inverse of the regularization, for features of length one
ITERATIONS = 1000  # at most; some dozens are usual
HELD_OUT = 5  # one row in so many judges whether the features say enough
ENOUGH = 0.4  # of the errors of the most frequent label that the probe must avoid; random features do not
RARER = 1.0  # how far below the least likely label's bias, in nats, that of a label begins which never occurs


@dataclass(frozen=True)
class Probing:
    """When a head that was fitted to the backbone's features is worth beginning with."""

    enough: float = ENOUGH
    """Of the errors of the most frequent label, the share that it must avoid."""
    most: int | None = None
    """Labels that it is fitted to, at most."""
    partial: bool = False
    """Whether labels may be absent from what it is fitted to; their outputs begin below all others."""


PLAIN = Probing()


def fit_head(network: nn.Module, classes: int, batches: Iterable[Batch], probing: Probing = PLAIN) -> float | None:
    """Fits the last linear layer to what reaches it, in place; returns its accuracy on labels held out, 0 to 1.

    None, and nothing is changed, where there is no such layer, a label is not there, or the features say too little.
    """
    head = _head(network, classes)
    if head is None:
        return None
    features, targets = _features(network, head, batches, probing.most)
    scale = float(np.linalg.norm(features, axis=1).mean())
    held_out = np.arange(len(targets)) % HELD_OUT == 0
    if len(np.unique(targets[~held_out])) < 2 or not held_out.any():
        return None
    tried = _regression().fit(features[~held_out] / scale, targets[~held_out])
    accuracy = float(tried.score(features[held_out] / scale, targets[held_out]))
    majority = float(np.bincount(targets[held_out]).max() / held_out.sum())
    if accuracy < majority + probing.enough * (1 - majority) or (len(np.unique(targets)) < classes and not probing.partial):
        return None
    _write(head, _regression().fit(features / scale, targets), scale)
    return accuracy


def fit_whole_head(network: nn.Module, classes: int, batches: Iterable[Batch], *, most: int | None = None) -> None:
    """Fits the last linear layer, in place, for a network whose other weights do not learn; labels may be absent.

    most: labels that are used at most. Raises ValueError where all labels are the same or there is no such layer.
    """
    head = _head(network, classes)
    if head is None:
        raise ValueError(f"the network's last linear layer does not have {classes} outputs")
    features, targets = _features(network, head, batches, most)
    scale = float(np.linalg.norm(features, axis=1).mean())
    _write(head, _regression().fit(features / scale, targets), scale)


def _regression() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=ITERATIONS)


def _write(head: nn.Linear, model: LogisticRegression, scale: float) -> None:
    weight, bias = model.coef_ / scale, model.intercept_
    if len(weight) == 1:  # scikit-learn keeps one row, the log-odds of the second class
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        head.weight.zero_()
        head.weight[model.classes_] = torch.from_numpy(weight).to(head.weight)
        if head.bias is not None:
            head.bias.fill_(float(bias.min()) - RARER)
            head.bias[model.classes_] = torch.from_numpy(bias).to(head.bias)


def _head(network: nn.Module, classes: int) -> nn.Linear | None:
    linear = [part for part in network.modules() if isinstance(part, nn.Linear)]
    return linear[-1] if linear and linear[-1].out_features == classes else None


def _features(network: nn.Module, head: nn.Linear, batches: Iterable[Batch], most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What reaches the head where a label counts, (labels, width), and the labels (labels,), in eval mode.

    most: of more labels as many are taken, evenly spread.
    """
    found: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    reached: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, inputs: reached.append(inputs[0].float().cpu()))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device)
    try:
        with torch.no_grad():
            for batch in batches:
                network(input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device))
                counted = batch["labels"] != IGNORED
                found.append(reached.pop()[counted])
                targets.append(batch["labels"][counted])
    finally:
        hook.remove()
        network.to("cpu")
    features, labels = torch.cat(found).numpy(), torch.cat(targets).numpy()
    if most is None or most >= len(labels):
        return features, labels
    chosen = np.linspace(0, len(labels) - 1, most).astype(np.int64)
    return features[chosen], labels[chosen]
