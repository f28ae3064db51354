"""Familiarity: whether a text is like those that a classifier was made for, from the distance of its features to the answer."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from sklearn.metrics import roc_auc_score

import framework
from framework import Answers, InputError, Section, Splits, Table
from framework.__main__ import main
from framework_classification import Classification
from framework_classification.calibration import refit
from framework_classification.contributions import contributions
from framework_classification.data import prepare
from framework_classification.evaluation import evaluate
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity
from framework_classification.familiarity.metrics import auroc
from framework_classification.familiarity.thresholds import NEVER, best_share, familiarity_threshold
from framework_classification.linear_codec import ConstantCodec
from framework_classification.preview import class_size_problems
from framework_classification.validation import task_problems
from framework_text.encoder import Familiarity
from framework_text.familiarity import fit_distance
from tests.tiny import rows, write_csv

STRANGE = [
    " ".join(words) for words in product(("zebra", "quantum", "violin"), ("lava", "orchid", "pixel", "glacier"), ("of", "at"))
]


def cloud(rows: int, seed: int = 0, away: float = 0.0, classes: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features of classes in ten correlated dimensions, moved `away` in one of them."""
    random, world = np.random.default_rng(seed), np.random.default_rng(9)
    mix, means = np.diag(range(1, 11)) + world.normal(size=(10, 10)) / 4, 5 * world.normal(size=(classes, 10))
    targets = np.arange(rows) % classes
    features = random.normal(size=(rows, 10)) @ mix + means[targets]
    features[:, 9] += away
    return features.astype(np.float32), targets


def evidence(unknown: int = 0, known: int = 300) -> Evidence:
    train, targets = cloud(600)
    features, truth = cloud(known, 1)
    strange, _ = cloud(unknown, 2, away=300.0)
    return Evidence(train, targets, features, truth, 5 * np.eye(8)[truth], strange, np.ones((unknown, 8)))


def test_the_distance_is_that_of_the_nearest_class_less_that_of_the_background() -> None:
    """Ren et al. 2021, equation 3, with enough rows for shrinkage not to matter."""
    train, targets = cloud(30_000, classes=120)  # so many that none is divided
    features, _ = cloud(50, 3, classes=120)
    means = np.stack([train[targets == label].mean(0) for label in range(120)])
    within = np.linalg.inv(np.cov((train - means[targets]).T))
    total = np.linalg.inv(np.cov(train.T))
    nearest = np.min([[(row - mean) @ within @ (row - mean) for mean in means] for row in features], axis=1)
    background = [(row - train.mean(0)) @ total @ (row - train.mean(0)) for row in features]
    distance = fit_distance(train, targets)
    assert distance.distances(features) == pytest.approx(nearest - background, rel=0.05, abs=0.6)
    assert distance.less(0).distances(features) == pytest.approx(nearest, rel=0.05, abs=0.6)


def test_few_wide_classes_are_divided_so_that_a_text_between_their_parts_is_far() -> None:
    random = np.random.default_rng(0)
    middles = 20 * random.normal(size=(12, 10))
    topics = np.arange(1200) % 12
    distance = fit_distance(random.normal(size=(1200, 10)) + middles[topics], topics % 2)
    assert len(distance.centers) > 12
    known, between = distance.less(0.8).distances(middles), distance.less(0.8).distances(middles[:6] / 2 + middles[6:] / 2)
    assert known.max() < between.min()


def test_the_graphs_familiarity_is_numpys() -> None:
    train, targets = cloud(200)
    features, _ = cloud(50, 1)
    distance = fit_distance(train, targets).scaled(features)
    expected = distance.familiarity(features)
    assert Familiarity(distance)(torch.from_numpy(features)).numpy() == pytest.approx(expected, abs=1e-4)
    assert np.median(expected) == pytest.approx(0.5, abs=0.01)
    assert np.quantile(expected, 0.05) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("count", [200, 8])
def test_dead_features_and_classes_of_one_row_do_no_harm(count: int) -> None:
    train, targets = cloud(count)
    train[:, 4] = 1e-30
    targets[0] = 8
    distance = fit_distance(train, targets).scaled(cloud(50, 1)[0])
    assert np.isfinite(distance.familiarity(cloud(50, 2)[0])).all()
    assert fit_distance(train, targets).scaled(train[:0]).scale == 1  # without rows to scale it by


def test_a_new_known_text_is_refused_no_more_often_than_said() -> None:
    random = np.random.default_rng(0)
    refused = [(random.random(500) < familiarity_threshold(0.1, random.random(60))).mean() for _ in range(400)]
    assert 0.08 < np.mean(refused) <= 0.102
    assert familiarity_threshold(0.05, random.random(18)) == NEVER  # which no text is below
    assert familiarity_threshold(0.05, random.random(19)) > NEVER


def test_rows_of_no_class_lower_the_share_where_fewer_refusals_tell_them_apart() -> None:
    known = np.linspace(0.2, 1, 200)
    assert best_share(0.2, known, np.full(50, 0.1)) == pytest.approx(1 / 201)
    assert best_share(0.2, known, np.full(50, 0.3)) == pytest.approx(26 / 201, abs=0.01)
    assert best_share(0.05, known, np.full(50, 0.9)) <= 0.05


def test_auroc_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    known, unknown = random.integers(3, 10, 80) / 10, random.integers(0, 7, 50) / 10
    assert auroc(known, unknown) == pytest.approx(roc_auc_score([1] * 80 + [0] * 50, np.concatenate([known, unknown])))


@pytest.mark.parametrize(
    ("unknown", "said"), [(0, "classes that the scores were not fitted to"), (40, "40 rows that belong to no")]
)
def test_the_report_compares_three_scores_and_says_what_the_threshold_does(unknown: int, said: str) -> None:
    shown: list[Section] = []
    distance, settings = fit_familiarity(Classification(refuse_known=0.1), evidence(unknown), shown.append)
    assert distance is not None
    assert settings["refuses"] <= 0.1
    [section] = shown
    assert [row[0] for row in section.rows] == [
        "familiarity (Mahalanobis)",
        "energy of the outputs",
        "similarity to the nearest rows",
    ]
    assert "of the validation rows, of which at most 10.0% may be" in section.note
    assert said in section.note
    if unknown:
        assert float(section.rows[0][1]) > 0.99  # type: ignore[arg-type]


def test_too_few_validation_rows_are_said() -> None:
    shown: list[Section] = []
    _, settings = fit_familiarity(Classification(), evidence(known=12), shown.append)
    assert settings["familiarity_threshold"] == NEVER
    assert "12 validation rows are too few for task.refuse_known=0.05, which takes 19" in shown[0].note


def test_a_lossy_file_refuses_the_same_share_by_a_threshold_of_its_own() -> None:
    values = np.random.default_rng(0).random(99)
    table = labelled(["a", "b"] * 49 + ["a"] + ["oos"])
    probabilities = [{"a": 0.9, "b": 0.1}, {"a": 0.2, "b": 0.8}] * 50
    answers = [{"probabilities": p, "familiarity": v} for p, v in zip(probabilities, [*values / 2, 0.0], strict=True)]
    settings = {"labels": ["a", "b"], "out_of_scope": "oos", "refuses": 0.1, "familiarity_threshold": 0.7}
    assert refit(answers, table, settings)["familiarity_threshold"] == pytest.approx(np.sort(values)[9] / 2)


def labelled(labels: list[str]) -> Table:
    texts = [f"text {i}" for i in range(len(labels))]
    return Table({"text": texts, "label": labels}, list(range(2, len(labels) + 2)), "rows.csv")


def splits(labels: list[str]) -> Splits:
    return Splits(labelled(labels), labelled(labels), labelled(labels))


@pytest.mark.parametrize("option", ["oos", "auto"])
def test_an_out_of_scope_label_is_no_class(option: str) -> None:
    data = prepare(splits(["a", "b", "oos", "a"]), Classification(out_of_scope=option))
    assert (data.labels, data.out_of_scope, len(data.splits.train)) == (["a", "b"], "oos", 3)
    assert data.unknown_texts() == ["text 2", "text 2"]  # of training and validation
    assert "beside them oos, no class: 1 training" in data.sections()[0].note
    assert prepare(splits(["a", "b", "oos"]), Classification()).labels == ["a", "b", "oos"]


@pytest.mark.parametrize(
    ("labels", "option", "said"),
    [
        (["a", "b"], "oos", "rows.csv: no row has the label task.out_of_scope=oos; available: a, b"),
        (["a", "b"], "auto", "task.out_of_scope=auto: no label is called oos, out_of_scope or the like; write"),
        (["a", "b", "OOS", "none of the above"], "auto", "several labels are called so: 'OOS', 'none of the above'"),
        (["a", "oos"], "oos", "every row has the label 'a'"),
    ],
)
def test_an_out_of_scope_label_that_is_not_there_is_an_error(labels: list[str], option: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        prepare(splits(labels), Classification(out_of_scope=option))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Classification(refuse_known=0.0), "task.refuse_known=0.0 is a share of the known texts: above 0, at most 0.5"),
        (Classification(refuse_known=0.6), "task.refuse_known=0.6"),
        (Classification(refuse_known=None, out_of_scope="oos"), "which task.refuse_known=null turns off"),
        (Classification(labels=["a", "oos"], out_of_scope="oos"), "leave it out of task.labels"),
    ],
)
def test_options_that_make_no_sense_are_problems_of_the_recipe(options: Classification, said: str) -> None:
    [problem] = task_problems(options)
    assert said in problem


def test_check_asks_about_a_label_that_is_called_as_if_it_were_no_class() -> None:
    data = prepare(splits(["a", "b", "out-of-scope"] * 9), Classification())
    [problem] = class_size_problems(data, Classification())
    assert problem.remedy.startswith("task.out_of_scope=out-of-scope ")


def test_rows_of_no_class_count_for_familiarity_alone() -> None:
    codec = ConstantCodec({"labels": ["a", "b"], "shares": [0.5, 0.5], "out_of_scope": "oos"}, Path())
    truth = ["a", "oos", "b", "b", "oos"]
    familiarity = [0.9, 0.1, 0.05, 0.8, 0.2]
    responses = [
        {"probabilities": {"a": a, "b": 1 - a}, "familiarity": f, "familiar": f >= 0.15}
        for a, f in zip([0.9, 0.9, 0.4, 0.7, 0.6], familiarity, strict=True)
    ]
    evaluation = evaluate(Answers(codec, responses), labelled(truth))
    assert evaluation.metrics["accuracy"] == pytest.approx(2 / 3)
    assert evaluation.metrics["known_refused"] == pytest.approx(1 / 3)
    assert evaluation.metrics["unknown_refused"] == 0.5
    assert evaluation.metrics["familiarity_auroc"] == pytest.approx(4 / 6)
    mistakes = next(section for section in evaluation.sections if section.title == "Most confident mistakes")
    assert mistakes.about == [3]  # of the test rows, not of those of classes
    parts = contributions(Answers(codec, responses), labelled(truth))
    sums = np.zeros((1, parts.width))
    for cells, amounts in zip(parts.cells, np.asarray(parts.amounts), strict=True):
        np.add.at(sums[0], cells[cells >= 0], amounts[cells >= 0])
    for name, value in parts.metrics(sums).items():
        assert evaluation.metrics[name] == pytest.approx(float(value[0]))
    with pytest.raises(InputError, match="no row belongs to a class"):
        evaluate(Answers(codec, responses[:1]), labelled(["oos"]))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory, small: list[str]) -> Path:
    """A finished run of the frozen candidate, with rows that belong to no class, and files of every precision."""
    folder = tmp_path_factory.mktemp("frozen")
    pairs = [*rows(240), *((text, "oos") for text in STRANGE)]
    given = [
        *(one for one in small if not one.startswith("model.") or one.startswith("model.name=")),
        f"data.train={write_csv(folder / 'rows.csv', pairs)}",
        "candidates=[frozen]",
        "task.out_of_scope=oos",
        "export=[onnx,onnx_int8]",
        "export.onnx_int8.must_help=false",
        "export.onnx_int8.max_drop=1",
        "export.onnx_int8.max_loss_rise=9",
    ]
    return framework.run_recipe("sentiment", *given, folder=folder / "run")


def test_an_artifact_says_whether_a_text_is_familiar(frozen: Path) -> None:
    model = framework.load(frozen)
    manifest = model.manifest
    assert manifest.features == "classifier.features"
    assert [tensor.name for tensor in manifest.graphs[0].outputs] == ["probabilities", "features", "familiarity"]
    settings = {**manifest.codec.settings, **model.variant.settings}
    *answers, strange = model.predict([*(text for text, _ in rows(60, seed=5)), "violin lava quartz of zebra"])
    known = max(answers, key=lambda answer: answer["familiarity"])
    assert (known["familiar"], strange["familiar"]) == (True, False)
    assert strange["familiarity"] < settings["familiarity_threshold"] <= known["familiarity"]
    assert np.mean([answer["familiar"] for answer in answers]) > 0.7
    assert "oos" not in known["probabilities"]
    assert list(known)[:4] == ["label", "probability", "familiar", "familiarity"]
    response = model.codec.interface().response
    assert response["properties"]["familiar"]["type"] == "boolean"
    assert {"familiar", "familiarity"} <= set(response["required"])
    metrics = manifest.evaluation.candidates["frozen"]
    assert metrics["familiarity_auroc"] > 0.9
    assert {"known_refused", "unknown_refused"} <= metrics.keys()


def test_each_file_of_an_artifact_has_a_threshold_of_its_own_and_its_whitening_in_fp32(frozen: Path) -> None:
    model = framework.load(frozen, "onnx_int8")
    exact = framework.load(frozen, "onnx")
    own = model.variant.settings["familiarity_threshold"]
    assert own != exact.manifest.codec.settings["familiarity_threshold"]
    [file] = model.variant.files.values()
    nodes = onnx.load(frozen / "artifact" / file).graph.node
    kinds = [node.op_type for node in nodes]
    assert "MatMulIntegerToFloat" in kinds
    [product] = [node for node in nodes if node.op_type == "MatMul" and "whitening" in " ".join(node.input)]
    assert product.output
    texts = [text for text, _ in rows(200, seed=5)]
    assert np.mean([not response["familiar"] for response in model.predict(texts)]) < 0.25


def test_columns_of_a_file_and_the_report_say_it_too(frozen: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    asked = write_csv(tmp_path / "asked.csv", [["the lovely flight seat"], ["violin lava quartz of zebra"]], ["text"])
    assert main(["predict", str(frozen), "--file", str(asked), "--out", str(out)]) == 0
    header, known, strange = out.read_text("utf-8").splitlines()
    assert "predicted_familiar,predicted_familiarity" in header
    answers = framework.load(frozen).predict(["the lovely flight seat", "violin lava quartz of zebra"])
    for line, answer in zip((known, strange), answers, strict=True):
        assert line.endswith(f",{str(answer['familiar']).lower()},{answer['familiarity']:.4f}")
    page = (frozen / "report.html").read_text("utf-8")
    for part in ("Familiarity of validation rows", "similarity to the nearest rows", "called unfamiliar"):
        assert part in page


@pytest.mark.parametrize(
    ("candidate", "share", "has"), [("fine_tuned", "0.1", True), ("fine_tuned", "null", False), ("linear", "0.1", False)]
)
def test_only_models_with_an_encoder_that_are_asked_for_it_say_it(
    candidate: str, share: str, has: bool, tmp_path: Path, small: list[str]
) -> None:
    shared = small if candidate == "fine_tuned" else [one for one in small if not one.startswith("model.")]
    given = [*shared, f"candidates=[{candidate}]", f"task.refuse_known={share}", "export=[quick]", "trainer.max_steps=4"]
    folder = framework.run_recipe("sentiment", *given, folder=tmp_path / "run")
    model = framework.load(folder)
    [response] = model.predict(["the lovely flight seat"])
    assert ("familiar" in response, "familiarity" in response) == (has, has)
    outputs = [tensor.name for graph in model.manifest.graphs for tensor in graph.outputs]
    assert ("familiarity" in outputs) == has
    assert (model.manifest.features is not None) == (candidate == "fine_tuned")
    assert ("known_refused" in model.manifest.evaluation.candidates[candidate]) == has
