"""The metrics of classification equal torchmetrics', and want no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torchmetrics.functional import classification as reference

from framework_classification.metrics import (
    accuracy,
    calibration_error,
    confusion_matrix,
    macro_f1,
    negative_log_likelihood,
)

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["torchmetrics"] = None
import framework_classification.evaluation as evaluation
from pathlib import Path
from framework import Answers, Table
from framework_classification.linear_codec import ConstantCodec
table = Table({"text": ["a", "b"], "label": ["x", "y"]}, [2, 3], "rows.csv")
codec = ConstantCodec({"labels": ["x", "y"], "shares": [0.75, 0.25], "calibrated_at": 2.0}, Path())
answers = [{"probabilities": {"x": 0.75, "y": 0.25}, "abstains": False}] * 2
print(evaluation.evaluate(Answers(codec, answers), table).metrics["accuracy"])
"""


@pytest.mark.parametrize("classes", [2, 3, 12, 80])
@pytest.mark.parametrize("rows", [1, 40, 1000])
@pytest.mark.parametrize("sure", [0.02, 1.0])
def test_every_metric_equals_that_of_torchmetrics(classes: int, rows: int, sure: float) -> None:
    random = np.random.default_rng(classes * rows)
    probabilities = random.dirichlet(np.full(classes, sure), size=rows)
    probabilities[0] = np.eye(classes)[0]  # a confidence of exactly 1
    targets = random.integers(0, max(1, classes - 1), rows)  # the last class has no rows
    scores, truth = torch.from_numpy(probabilities), torch.from_numpy(targets)
    predicted, called = probabilities.argmax(1), torch.from_numpy(probabilities.argmax(1))
    matrix = confusion_matrix(predicted, targets, classes)
    assert (matrix == reference.multiclass_confusion_matrix(called, truth, classes).numpy()).all()
    assert [
        accuracy(predicted, targets),
        macro_f1(matrix),
        calibration_error(probabilities, targets),
        negative_log_likelihood(probabilities, targets),
    ] == pytest.approx(
        [
            float(reference.multiclass_accuracy(called, truth, classes, average="micro")),
            float(reference.multiclass_f1_score(called, truth, classes, average="macro")),
            float(reference.multiclass_calibration_error(scores, truth, classes, n_bins=15)),
            float(-scores[torch.arange(rows), truth].clamp_min(1e-30).log().mean()),
        ],
        abs=1e-6,
    )


def test_classes_that_neither_occur_nor_are_predicted_do_not_lower_macro_f1() -> None:
    targets = np.array([0, 1, 0, 1])
    assert macro_f1(confusion_matrix(targets, targets, 5)) == 1.0


def test_answers_are_judged_where_torch_cannot_be_imported() -> None:
    found = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True)
    assert (found.returncode, found.stdout.strip()) == (0, "0.5"), found.stderr
