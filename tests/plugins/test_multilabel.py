"""The task multilabel: the conformance kit, each candidate as the winner, and what is chosen on validation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file
from scipy.special import expit
from sklearn import metrics as reference

import framework
from framework import Answers, InputError, Response, Section, Splits, Table
from framework.export.parity import Parity, compare_outputs
from framework.testing import TaskConformance
from framework.testing.conformance import BLOCKED
from framework_classification import Multilabel
from framework_classification.linear_graph import graph as linear_graph
from framework_classification.linear_graph import onnx_model
from framework_classification.multilabel.calibration import (
    FEW,
    best_threshold,
    calibrated,
    fit_platt,
    refit,
    thresholds_for,
)
from framework_classification.multilabel.codec import ConstantLabelsCodec
from framework_classification.multilabel.contributions import contributions
from framework_classification.multilabel.data import prepare
from framework_classification.multilabel.evaluation import evaluate
from framework_classification.multilabel.linear import fit
from framework_classification.multilabel.metrics import Counts, subset_accuracy
from framework_classification.multilabel.module import LabelsClassifier
from framework_classification.multilabel.platt import Platt, logits_of
from framework_text.options import FineTuning
from tests.server.serving import serving
from tests.tiny import LENGTH, WORDS, labelled_rows, tiny_model, write_csv

NAMES = sorted(WORDS)


def file(folder: Path, count: int = 160) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [(text, json.dumps(labels)) for text, labels in labelled_rows(count)]
    return write_csv(folder / "rows.csv", lines)


def tiny(folder: Path) -> list[str]:
    return [
        f"data.train={file(folder)}",
        f"model.name={tiny_model(folder / 'model', layers=1)}",
        f"task.max_length={LENGTH}",
        "model.attention=eager",
        "trainer.enable_progress_bar=false",
    ]


class TestConformance(TaskConformance):
    recipe = "labels"

    def overrides(self, folder: Path) -> list[str]:
        return tiny(folder)


@pytest.mark.parametrize(
    ("candidate", "export"),
    [("frequent", "onnx"), ("linear", "onnx"), ("frozen", "onnx"), ("fine_tuned", "onnx,onnx_int8")],
)
def test_each_candidate_wins_where_it_competes_alone_and_answers_without_torch(
    tmp_path: Path, candidate: str, export: str
) -> None:
    small = tiny(tmp_path)
    more = ["model.learning_rate=3e-3", "model.batch_size=8", "model.dropout=0", "trainer.max_epochs=6"]
    if candidate != "fine_tuned":
        more = []
        small = [one for one in small if "attention" not in one and (candidate == "frozen" or "model." not in one)]
    more += ["export.onnx_int8.must_help=false"] if "int8" in export else []
    run = framework.run_recipe(
        "labels", *small, *more, f"candidates=[{candidate}]", f"export=[{export}]", folder=tmp_path / "run"
    )
    report = json.loads((run / "report.json").read_text("utf-8"))
    code = (
        f"{BLOCKED}import json, framework\nmodel = framework.load({str(run)!r})\nmodel.replay_golden()\n"
        "print(json.dumps(model.predict(['the lovely phone rude', 'the car'])))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    both, nothing = json.loads(ran.stdout.splitlines()[-1])
    assert set(both["probabilities"]) == set(NAMES)
    if candidate == "linear":
        assert (both["labels"], nothing["labels"]) == (["negative", "positive"], [])
    assert any(section["title"] == "How many labels" for section in report["sections"])


def test_a_model_that_learned_from_validation_rows_is_judged_on_them_as_if_it_had_not(tmp_path: Path, quick: None) -> None:
    given = [one for one in tiny(tmp_path) if "attention" not in one]
    given += ["candidates=[frozen]", "export=[quick]", "tracker=none"]
    heads, metrics = [], []
    for value in ("true", "false"):
        run = framework.run_recipe("labels", *given, f"candidates.frozen.all_rows={value}", folder=tmp_path / value)
        heads.append(load_file(run / "trials" / "frozen" / "fitted" / "head.safetensors")["weight"])
        metrics.append(json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["variants"]["quick"]["metrics"])
    assert not np.array_equal(heads[0], heads[1])
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-5)


@pytest.fixture(scope="module")
def linear_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linear")
    given = [f"data.train={file(folder, 240)}", "candidates=[linear]", "export=[onnx]", "trainer.enable_progress_bar=false"]
    return framework.run_recipe("labels", *given, folder=folder / "run")


def test_a_file_is_answered_with_the_labels_of_each_row(tmp_path: Path, linear_run: Path) -> None:
    from framework.__main__ import main

    texts = write_csv(tmp_path / "texts.csv", [("the lovely rude car",), ("the car",)], ("text",))
    out = tmp_path / "out.csv"
    assert main(["predict", str(linear_run), "--file", str(texts), "--out", str(out)]) == 0
    header, first, second = out.read_text("utf-8").splitlines()
    assert header == "text,predicted_labels,predicted_probabilities"
    assert first.startswith("the lovely rude car,negative|positive,0.")
    assert second == "the car,,"


def test_it_is_judged_and_compared_on_rows_of_another_form(tmp_path: Path, linear_run: Path) -> None:
    rows = [(text, ";".join(labels)) for text, labels in labelled_rows(60, seed=1) if labels]
    other = write_csv(tmp_path / "b.csv", rows)
    judged = framework.evaluate(linear_run, other)
    assert judged.evaluation.metrics["micro_f1"] > 0.9
    compared = framework.compare(linear_run, linear_run, other)
    assert (compared.metric.name, compared.outcome) == ("micro_f1", "same")
    write_csv(other, [("the car", "[]"), ("the bag", "purple")])
    with pytest.raises(InputError, match=r"line 3: the model does not know the label 'purple'"):
        framework.evaluate(linear_run, other)


def test_a_server_answers_and_its_page_draws_labels(tmp_path: Path, linear_run: Path) -> None:
    with serving(tmp_path, linear_run) as server:
        [answer] = server.predict({"text": "the lovely rude car"}, "the car").json()["predictions"][:1]
        assert answer["labels"] == ["negative", "positive"]


def table(labels: list[list[str]], source: str = "rows.csv") -> Table:
    texts = [f"text {i}" for i in range(len(labels))]
    return Table({"text": texts, "label": labels}, list(range(2, len(labels) + 2)), source)


def test_rows_that_no_label_tells_apart_are_refused() -> None:
    same = table([["a"], ["a"]])
    with pytest.raises(InputError, match=r"every row has the same labels, 'a'; there is nothing to tell apart"):
        prepare(Splits(same, same, same), Multilabel())


def test_a_label_without_a_training_row_is_refused_or_stated_and_then_never_answered() -> None:
    splits = Splits(table([["a"], []]), table([["a"]]), table([["a"], ["a", "b"]], "test.csv"))
    with pytest.raises(InputError, match=r"test\.csv, line 3: the label 'b' of a test row does not occur in the training rows"):
        prepare(splits, Multilabel())
    data = prepare(splits, Multilabel(labels=["b", "a"]))
    targets = np.tile(data.targets(splits.train), (30, 1))
    texts = [f"word{row % 2} other{row}" for row in range(60)]
    linear, _ = fit(texts, targets, seed=0)
    shown: list[Section] = []
    settled = calibrated(data.labels, linear.logits(texts), targets, shown.append)
    assert "1 of 2 labels have fewer than 10 validation rows" in shown[0].note
    assert (expit(linear.logits(texts))[:, 0] < settled.settings["thresholds"][0]).all()


def test_thresholds_are_the_best_of_each_label_and_shared_where_rows_are_few() -> None:
    random = np.random.default_rng(0)
    targets = random.random((400, 3)) < (0.3, 0.1, 3 / 400)
    probabilities = np.clip(0.3 * targets + 0.5 * random.random((400, 3)), 0, 1)
    thresholds = thresholds_for(probabilities, targets)
    for label in (0, 1):
        tried = [
            reference.f1_score(targets[:, label], probabilities[:, label] >= value, zero_division=0)
            for value in np.linspace(0, 1, 400)
        ]
        reached = reference.f1_score(targets[:, label], probabilities[:, label] >= thresholds[label])
        assert reached >= max(tried)
    assert targets[:, 2].sum() < FEW
    assert thresholds[2] == best_threshold(probabilities.ravel(), targets.ravel())


def test_platt_scaling_undoes_what_moved_and_stretched_the_logits_of_a_label() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 2))
    targets = random.random((4000, 2)) < expit(logits)
    platt = fit_platt(logits * 3 + 1, targets)
    assert platt.scale == pytest.approx([1 / 3, 1 / 3], rel=0.1)
    assert platt.shift == pytest.approx([-1 / 3, -1 / 3], abs=0.1)
    probabilities = expit(logits)
    assert platt.undone(platt.of_probabilities(probabilities)) == pytest.approx(probabilities, abs=1e-6)
    again = Platt(np.full(2, 2.0), np.full(2, -1.0))
    assert platt.then(again).of_logits(logits) == pytest.approx(again.of_logits(platt.of_logits(logits)))
    few = np.zeros((100, 2), bool)
    few[: FEW - 1] = True
    assert fit_platt(logits[:100], few).scale.tolist() == [1, 1]


def test_a_lossy_file_gets_a_scaling_and_thresholds_of_its_own(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (400, 2))
    targets = random.random((400, 2)) < expit(logits)
    off = expit(logits * 0.5 + 1)  # what the file makes of the logits
    responses: list[Response] = [{"labels": [], "probabilities": dict(zip("ab", map(float, row), strict=True))} for row in off]
    settings: dict[str, Any] = {"labels": ["a", "b"], "thresholds": [0.5, 0.5], "shares": off[0].tolist()}
    refitted = refit(responses, targets, settings)
    answered = ConstantLabelsCodec({**settings, **refitted}, tmp_path).respond(off[0])
    assert list(answered["probabilities"].values()) == pytest.approx(expit(logits[0]), abs=0.1)
    assert logits_of(off) == pytest.approx(logits * 0.5 + 1)


def answers(predicted: np.ndarray, probabilities: np.ndarray, folder: Path) -> Answers:
    responses: list[Response] = [
        {
            "labels": [name for name, yes in zip(NAMES, row, strict=True) if yes],
            "probabilities": dict(zip(NAMES, map(float, shares), strict=True)),
        }
        for row, shares in zip(predicted, probabilities, strict=True)
    ]
    codec = ConstantLabelsCodec({"labels": NAMES, "shares": [0.5] * 3, "thresholds": [0.5] * 3}, folder)
    return Answers(codec, responses)


def test_metrics_are_those_of_scikit_learn_and_follow_from_the_contributions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    targets = random.random((60, 3)) < 0.3
    probabilities = np.clip(random.random((60, 3)) * 0.6 + 0.4 * targets, 0.01, 0.99)
    predicted = probabilities >= 0.5
    rows = table([[NAMES[i] for i in np.flatnonzero(row)] for row in targets])
    judged = evaluate(answers(predicted, probabilities, tmp_path), rows).metrics
    assert judged["micro_f1"] == pytest.approx(reference.f1_score(targets, predicted, average="micro"))
    assert judged["macro_f1"] == pytest.approx(reference.f1_score(targets, predicted, average="macro"))
    assert judged["subset_accuracy"] == pytest.approx(reference.accuracy_score(targets, predicted))
    assert judged["nll"] == pytest.approx(np.mean([reference.log_loss(targets[:, i], probabilities[:, i]) for i in range(3)]))
    parts = contributions(answers(predicted, probabilities, tmp_path), rows)
    assert parts is not None
    assert parts.amounts is not None
    assert parts.class_scores is not None
    sums = np.zeros((1, parts.width))
    for cells, amounts in zip(parts.cells, parts.amounts, strict=True):
        np.add.at(sums[0], cells[cells >= 0], amounts[cells >= 0])
    for name, value in parts.metrics(sums).items():
        assert value[0] == pytest.approx(judged[name]), name
    f1 = reference.f1_score(targets, predicted, average=None)
    assert [float(score[0]) for score in parts.class_scores(sums).values()] == pytest.approx(list(f1))


def test_a_label_may_differ_between_files_at_its_threshold_alone() -> None:
    graph = linear_graph(5, 3, None, [0.5, 0.2, 0.9])
    expected = {"probabilities": np.array([[0.5 + 1e-7, 0.1, 0.1], [0.4, 0.3, 0.1]], np.float32)}
    parity = Parity()
    compare_outputs(parity, graph, "row", expected, {"probabilities": expected["probabilities"] - np.float32(2e-6)})
    assert (parity.close_calls, parity.flips, parity.failures) == (1, 0, [])
    compare_outputs(parity, graph, "row", expected, {"probabilities": expected["probabilities"] - np.float32(0.2)})
    assert parity.flips == 1
    assert any("another answer although the model's margin is 0.1" in why for _, why in parity.failures)


def test_nothing_to_answer_and_nothing_answered_is_right() -> None:
    nothing = np.zeros((3, 2), bool)
    assert (Counts.of(nothing, nothing).micro_f1(), Counts.of(nothing, nothing).macro_f1()) == (1.0, 1.0)
    assert subset_accuracy(nothing, nothing) == 1.0


def test_epochs_are_ranked_at_the_best_threshold_not_at_a_half() -> None:
    module = LabelsClassifier(torch.nn.Linear(1, 3), 3, FineTuning())
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module.judge(labels.float() * 2 - 4, labels)  # all below 0, and in the right order
    assert float(module.micro_f1.compute()) == pytest.approx(1)
    assert float(module.macro_f1.compute()) == pytest.approx(1)
    assert module.loss_of(torch.zeros(4, 3), labels).item() == pytest.approx(np.log(2))


def test_the_probabilities_of_the_linear_graph_are_scikit_learns() -> None:
    pairs = labelled_rows(60)
    texts = [text for text, _ in pairs]
    linear, pipeline = fit(texts, np.array([[name in labels for name in NAMES] for _, labels in pairs]), seed=0)
    session = onnxruntime.InferenceSession(onnx_model(linear, several=True).SerializeToString())
    for text, expected in zip(texts, pipeline.predict_proba(texts), strict=True):
        ids, weights = linear.counting.features(text)
        (probabilities,) = session.run(None, {"ids": ids[None], "weights": weights[None]})
        assert probabilities[0] == pytest.approx(expected, abs=1e-6)
