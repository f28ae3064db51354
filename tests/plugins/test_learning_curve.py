"""What more rows would bring: measured on parts of the rows, and said as far as it can be told from chance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from framework import Budget, Metric
from framework_classification.label_check.out_of_fold import FixedFeatures
from framework_classification.learning_curve import LearningCurve, curve_section, learning_curve, most_wrong

ACCURACY = Metric("accuracy")


def features_of(rows: int, seconds: float = 0.0, width: int = 60) -> tuple[FixedFeatures, np.ndarray, np.ndarray]:
    """Features of which each tells a little, so that more rows help; the class of each training and each validation row."""
    random = np.random.default_rng(0)
    truth, held_out = random.integers(2, size=rows), random.integers(2, size=2000)
    train, validation = (random.normal(size=(len(of), width)) + of[:, None] * 0.3 for of in (truth, held_out))
    classifier = partial(LogisticRegression, C=1.0)
    predicted = classifier().fit(train, truth).predict(validation)
    return FixedFeatures(train, validation, classifier, predicted, seconds), truth, held_out


def test_more_rows_help_and_what_they_would_bring_is_near_what_they_bring() -> None:
    features, truth, held_out = features_of(400)
    curve = learning_curve(features, truth, held_out, ACCURACY, 0, Budget())
    assert curve is not None
    assert curve.rows == (50, 100, 200, 400)
    assert curve.scores[-1] == (features.predicted == held_out).mean()
    assert curve.low < curve.rise < curve.high
    twice, _, same_kind = features_of(800)
    brought = (twice.predicted == same_kind).mean() - curve.scores[-1]
    assert curve.expected == pytest.approx(brought, abs=0.03)
    section = curve_section(curve, ["b", "a"], "TF-IDF")
    assert len(section.rows) == 4
    assert "400 more rows like these would bring about" in section.note
    assert "Labels of 'b', 'a'" in section.note


def test_a_rise_within_chance_promises_nothing() -> None:
    curve = LearningCurve("accuracy", (50, 100, 200), (0.80, 0.82, 0.825), -0.004, 0.014)
    assert "within chance" in curve_section(curve, ["a"], "TF-IDF").note


def test_a_perfect_classifier_expects_nothing() -> None:
    assert LearningCurve("accuracy", (50, 100), (0.9, 1.0), 0.05, 0.15).expected == 0.0


def test_a_falling_curve_expects_nothing() -> None:
    assert LearningCurve("accuracy", (50, 100, 200), (0.9, 0.8, 0.7), -0.2, -0.1).expected == 0.0


def test_too_few_rows_or_too_little_time_show_none() -> None:
    features, truth, held_out = features_of(12)
    assert learning_curve(features, truth, held_out, ACCURACY, 0, Budget()) is None
    slow, truth, held_out = features_of(400, seconds=60.0)
    assert learning_curve(slow, truth, held_out, ACCURACY, 0, Budget(10)) is None


def test_the_labels_of_the_most_wrong_answers() -> None:
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 1, 0, 0, 0])
    assert most_wrong(predicted, truth, ["a", "b", "c"]) == ["a", "b"]  # one wrong answer is no reason to label more
