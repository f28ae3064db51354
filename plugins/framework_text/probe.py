"""Fits the head before fine-tuning: logistic regression on the backbone's features (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from framework_text.precision import computes_in_bfloat16
from framework_text.tokens import Batch, countable

STRENGTH = 10.0  # inverse of the regularization, for features of length one
ITERATIONS = 1000  # maximum; a few dozen are usual
HELD_OUT = 5  # one row in five is held out, to measure the accuracy of the probe
ENOUGH = 0.4  # share of the errors of a constant answer that the probe must avoid; with random features it avoids fewer
ABSENT = 1.0  # bias of labels that do not occur, in nats below the lowest fitted bias


@dataclass(frozen=True)
class Probing:
    """When fine-tuning starts from a head fitted to the backbone's features."""

    enough: float = ENOUGH
    """Share, 0 to 1, of the errors that a constant answer, the majority label, makes and the fitted head must avoid."""
    most: int | None = None
    """Labels that the head is fitted to, at most; None: all."""
    partial: bool = False
    """Whether labels may be absent from the rows; their outputs then start below all others."""


PLAIN = Probing()


def fit_head(network: nn.Module, classes: int, batches: Iterable[Batch], probing: Probing = PLAIN) -> float | None:
    """Fits the last linear layer to its inputs, in place; returns its accuracy on held-out labels, 0 to 1.

    Returns None and changes nothing where the last linear layer does not have `classes` outputs, labels are absent, or the
    accuracy is too low, as `probing` says. Of a head with several labels a text each label is fitted for itself, and the
    accuracy is that of all decisions.
    """
    head = head_of(network, classes)
    if head is None:
        return None
    return fit_head_to(head, *_features(network, head, batches, probing.most), probing)


def fit_head_to(head: nn.Linear, features: np.ndarray, targets: np.ndarray, probing: Probing = PLAIN) -> float | None:
    """As `fit_head`, from inputs of the head, (labels, width), and their targets, (labels,) or (labels, outputs) of 0 and 1."""
    classes, scale = head.out_features, float(np.linalg.norm(features, axis=1).mean())
    held_out = np.arange(len(targets)) % HELD_OUT == 0
    if targets.ndim == 2:
        return _fit_labels(head, features / scale, scale, targets, held_out, probing)
    if len(np.unique(targets[~held_out])) < 2 or not held_out.any():
        return None
    probe = _regression().fit(features[~held_out] / scale, targets[~held_out])
    accuracy = float(probe.score(features[held_out] / scale, targets[held_out]))
    majority = float(np.bincount(targets[held_out]).max() / held_out.sum())
    if accuracy < majority + probing.enough * (1 - majority) or (len(np.unique(targets)) < classes and not probing.partial):
        return None
    if len(probe.classes_) == len(np.unique(targets)):
        probe.set_params(warm_start=True)  # a few more iterations for the rows that were held out
    _write(head, probe.fit(features / scale, targets), scale)
    return accuracy


def fit_whole_head(network: nn.Module, classes: int, batches: Iterable[Batch], *, most: int | None = None) -> None:
    """Fits the last linear layer, in place, as the only trained part of a network; labels may be absent.

    most: labels to fit to, at most; None: all. Raises ValueError where all labels are the same, or the last linear layer does
    not have `classes` outputs.
    """
    head = head_of(network, classes)
    if head is None:
        raise ValueError(f"the network's last linear layer does not have {classes} outputs")
    features, targets = _features(network, head, batches, most)
    scale = float(np.linalg.norm(features, axis=1).mean())
    _write(head, _regression().fit(features / scale, targets), scale)


def _fit_labels(
    head: nn.Linear, features: np.ndarray, scale: float, targets: np.ndarray, held_out: np.ndarray, probing: Probing
) -> float | None:
    """`fit_head` for targets (rows, labels) of 0 and 1. features: divided by `scale`."""
    if not held_out.any() or held_out.all():
        return None
    probe = _one_a_label(features[~held_out], targets[~held_out])
    truth = targets[held_out]
    errors = (_decisions(probe, features[held_out]) != truth).mean()
    by_majority = ((targets[~held_out].mean(0) > 0.5) != truth).mean()
    if errors > (1 - probing.enough) * by_majority:
        return None
    with torch.no_grad():
        for label, model in enumerate(_one_a_label(features, targets)):
            if model is None:  # every row has the label, or none
                head.weight[label].zero_()
                head.bias[label] = ABSENT if targets[0, label] else -ABSENT
            else:
                head.weight[label] = torch.from_numpy(model.coef_[0] / scale).to(head.weight)
                head.bias[label] = float(model.intercept_[0])
    return float(1 - errors)


def _one_a_label(features: np.ndarray, targets: np.ndarray) -> list[LogisticRegression | None]:
    """A regression for each label; None for a label that every row has, or none."""
    return [_regression().fit(features, column) if column.any() and not column.all() else None for column in targets.T]


def _decisions(models: list[LogisticRegression | None], features: np.ndarray) -> np.ndarray:
    """(rows, labels) of 0 and 1."""
    return np.stack([model.predict(features) if model else np.zeros(len(features), int) for model in models], axis=1)


def _regression() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, solver="newton-cg", max_iter=ITERATIONS)


def _write(head: nn.Linear, model: LogisticRegression, scale: float) -> None:
    weight, bias = model.coef_ / scale, model.intercept_
    if len(weight) == 1:  # scikit-learn keeps one row, the log-odds of the second class
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        head.weight.zero_()
        head.weight[model.classes_] = torch.from_numpy(weight).to(head.weight)
        if head.bias is not None:
            head.bias.fill_(float(bias.min()) - ABSENT)
            head.bias[model.classes_] = torch.from_numpy(bias).to(head.bias)


def head_of(network: nn.Module, classes: int) -> nn.Linear | None:
    """The last linear layer outside the backbone, which some models of transformers register after the head."""
    backbone = getattr(network, "base_model", network)
    inside = set(backbone.modules()) if backbone is not network else set()
    linear = [part for part in network.modules() if isinstance(part, nn.Linear) and part not in inside]
    return linear[-1] if linear and linear[-1].out_features == classes else None


def name_of_head(network: nn.Module, classes: int) -> str:
    """The name of the last linear layer, whose inputs are the features of a text. Raises ValueError where it is no head."""
    head = head_of(network, classes)
    if head is None:
        raise ValueError(f"the network's last linear layer does not have {classes} outputs")
    names = {part: name for name, part in network.named_modules()}
    return str(names[head])


def take_head(network: nn.Module, classes: int) -> nn.Linear:
    """Takes the head out of the network, whose logits are the features of texts from then on.

    Raises ValueError where the last linear layer does not have `classes` outputs.
    """
    name = name_of_head(network, classes)
    head = network.get_submodule(name)
    assert isinstance(head, nn.Linear)
    network.set_submodule(name, nn.Identity())
    return head


def head_inputs(network: nn.Module, classes: int, batches: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray]:
    """The inputs of the head at labels that count, (labels, width) float32, and the labels, (labels,), in eval mode."""
    head = network.get_submodule(name_of_head(network, classes))
    assert isinstance(head, nn.Linear)
    return _features(network, head, batches, None)


def _features(network: nn.Module, head: nn.Linear, batches: Iterable[Batch], most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The head's inputs at labels that count, (labels, width), and the labels, (labels,), computed in eval mode.

    most: number of labels to keep, evenly spread; None: all.
    """
    states: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    captured: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, inputs: captured.append(inputs[0].float().cpu()))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device)
    try:
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=computes_in_bfloat16()):
            for batch in batches:
                network(input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device))
                inputs = captured.pop()
                counts = countable(batch["labels"], inputs.ndim)
                states.append(inputs[counts])
                targets.append(batch["labels"][counts])
    finally:
        hook.remove()
        network.to("cpu")
    if not states:
        return np.zeros((0, head.in_features), np.float32), np.zeros(0, np.int64)
    features, labels = torch.cat(states).numpy(), torch.cat(targets).numpy()
    if most is None or most >= len(labels):
        return features, labels
    places = np.linspace(0, len(labels) - 1, most).astype(np.int64)
    return features[places], labels[places]
