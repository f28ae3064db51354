"""The classification task: the conformance kit, every accepted family, and what is its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import framework
from framework import Answers, InputError, Splits, Table
from framework.evaluation.module_backend import ModuleBackend
from framework.export.parity import Parity, compare_shapes
from framework.runtime.onnx import open_onnx
from framework.testing import TaskConformance
from framework_classification import Classification
from framework_classification.calibration import fit_temperature, nothing_to_fit, threshold_for
from framework_classification.codec import tempered
from framework_classification.data import prepare
from framework_classification.evaluation import evaluate
from framework_classification.fine_tuned import graph
from framework_classification.linear_codec import ConstantCodec
from framework_classification.validation import FAMILIES
from framework_onnx import Onnx
from framework_onnx.export import export
from framework_text.encoder import FamiliarClassifier
from framework_text.familiarity import fit_distance
from tests.tiny import LENGTH, rows, tiny_model, write_csv


class TestConformance(TaskConformance):
    recipe = "sentiment"

    def overrides(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            f"data.train={write_csv(folder / 'rows.csv', rows())}",
            f"model.name={tiny_model(folder / 'model', layers=1)}",
            f"task.max_length={LENGTH}",
            "model.attention=eager",
            "trainer.enable_progress_bar=false",
        ]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_accepted_family_exports_to_an_equal_file(family: str, tmp_path: Path) -> None:
    from framework_text.backbones import load_model

    layers = 2 if family in ("albert", "modernbert") else 1  # one shares weights between layers, one alternates two kinds
    network = load_model("AutoModelForSequenceClassification", tiny_model(tmp_path / family, family, layers), num_labels=3)
    distance = fit_distance(np.random.default_rng(0).normal(size=(90, 32)), np.arange(90) % 3)
    spec = graph(FamiliarClassifier(network, 1.5, distance).eval(), network.config, LENGTH, 0)
    variant = export([spec], tmp_path, Onnx(), {})
    backend = open_onnx([spec], {name: tmp_path / file for name, file in variant.files.items()})
    parity = Parity()
    compare_shapes(parity, [spec], ModuleBackend([spec]), backend)
    parity.require(family)


def table(labels: list[str], source: str = "rows.csv") -> Table:
    texts = [f"text {i}" for i in range(len(labels))]
    return Table({"text": texts, "label": labels}, list(range(2, len(labels) + 2)), source)


def test_one_class_only_is_refused() -> None:
    with pytest.raises(InputError, match=r"every row has the label 'a'.*at least two"):
        prepare(Splits(table(["a", "a"]), table(["a"]), table(["a"])), Classification())


def test_a_test_label_that_training_never_saw_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"test\.csv, line 3: the label 'c' of a test row does not occur"):
        prepare(Splits(table(["a", "b"]), table(["a"]), table(["b", "c"], "test.csv")), Classification())


def test_labels_given_in_the_recipe_fix_their_order() -> None:
    data = prepare(Splits(table(["a", "b"]), table(["a"]), table(["b"])), Classification(labels=["b", "a"]))
    assert data.targets(data.splits.train) == [1, 0]


def test_whole_number_labels_are_ordered_by_value_and_kept_as_text() -> None:
    data = prepare(Splits(table(["10", "9", "007"]), table(["9"]), table(["10"])), Classification())
    assert data.labels == ["007", "9", "10"]


def test_class_weights_make_every_class_weigh_the_same() -> None:
    data = prepare(Splits(table(["a"] * 3 + ["b"]), table(["a"]), table(["b"])), Classification())
    assert data.class_weights() == pytest.approx([4 / 6, 4 / 2])


def test_the_temperature_that_scaled_logits_is_found_and_undone() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)) * 2
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.array([random.choice(3, p=row) for row in p])
    temperature = fit_temperature(logits * 3, targets)
    assert temperature == pytest.approx(3, rel=0.1)
    assert tempered(p, 1 / 3.0) == pytest.approx(torch.softmax(torch.from_numpy(logits) * 3, -1).numpy(), abs=1e-6)


def test_the_threshold_gives_the_precision_asked_for_and_no_more_silence_than_that_needs() -> None:
    random = np.random.default_rng(0)
    confidence = random.uniform(0.3, 1.0, 4000)
    right = random.random(4000) < confidence
    threshold = threshold_for(0.9, confidence, right)
    answered = confidence >= threshold
    assert 0.9 <= right[answered].mean() < 0.903
    assert answered.mean() == pytest.approx(0.2 / 0.7, abs=0.06)  # calibrated: the mean of 0.8 to 1.0 is 0.9
    assert threshold_for(0.9, confidence, np.zeros(4000, bool)) == 1.0


def test_metrics_agree_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    random = np.random.default_rng(1)
    scores = random.dirichlet(np.ones(4), size=300)
    labels = ["a", "b", "c", "d"]
    truth = [labels[i] for i in random.integers(0, 4, 300)]
    predicted = [labels[i] for i in scores.argmax(1)]
    responses = [{"probabilities": dict(zip(labels, map(float, row), strict=True))} for row in scores]
    codec = ConstantCodec({"labels": labels, "shares": [0.25] * 4, "calibrated_at": 1.0}, Path())
    metrics = evaluate(Answers(codec, responses), table(truth)).metrics
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics["ece"] == pytest.approx(metrics["ece_before"])


def test_abstention_is_in_the_manifest_in_every_answer_and_measured_on_test(tmp_path: Path, small: list[str]) -> None:
    folder = framework.run_recipe("sentiment", *small, "task.abstain_precision=0.9", "export=[quick]", folder=tmp_path / "run")
    model = framework.load(folder)
    settings = {**model.manifest.codec.settings, **model.variant.settings}
    assert settings["precision"] == 0.9
    answers = model.predict(["the lovely flight", "the", "the awful lovely blue bag"])
    assert [a["abstains"] for a in answers] == [a["probability"] < settings["threshold"] for a in answers]
    scores = model.manifest.evaluation.candidates["fine_tuned"]
    assert 0 <= scores["answered"] <= 1
    assert {"precision_answered", "nll"} <= scores.keys()


def test_a_temperature_with_nothing_to_fit_stays_1() -> None:
    random = np.random.default_rng(0)
    targets = random.integers(0, 3, 200)
    sure = np.eye(3)[targets] + random.normal(size=(200, 3)) / 10
    wrong = random.integers(0, 3, 200)
    assert fit_temperature(sure, targets) == 1  # every answer is right
    assert fit_temperature(np.eye(3)[wrong], np.zeros(200, int)) == 1  # one class
    assert fit_temperature(np.eye(3)[wrong[:10]], targets[:10]) == 1  # too few
    nearly = sure / 100
    nearly[0] = nearly[0][::-1] if targets[0] != 1 else nearly[0][[1, 0, 2]]
    assert fit_temperature(nearly, targets) == 1  # below every temperature that is allowed
    assert nothing_to_fit(sure, targets) is not None


def test_classes_without_test_rows_are_named_and_have_no_f1() -> None:
    labels = ["a", "b", "odd"]
    responses = [{"probabilities": {"a": 0.8, "b": 0.1, "odd": 0.1}}, {"probabilities": {"a": 0.1, "b": 0.8, "odd": 0.1}}] * 10
    codec = ConstantCodec({"labels": labels, "shares": [0.0] * 3}, Path())
    found = evaluate(Answers(codec, responses), table(labels[:2] * 10))
    assert found.untested == ["odd"]
    assert found.limits == "No rows of 'odd' were judged: these numbers say nothing of it."
    assert ("odd", "", "", "", 0) in found.sections[0].rows
