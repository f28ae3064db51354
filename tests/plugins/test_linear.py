"""The linear classifier: its ONNX graph equals scikit-learn, and its codec answers with what the graph gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import softmax

from framework import Call, InputError, Section
from framework.runtime.onnx import open_onnx
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.counting import MOST
from framework_classification.linear import Linear, fit, other_features
from framework_classification.linear_codec import ConstantCodec, LinearCodec
from framework_classification.linear_graph import graph, onnx_model
from tests.tiny import THINGS, WORDS, rows

TWO = {label: WORDS[label] for label in ("positive", "negative")}
MANY = {f"class {i}": [f"word{i}", f"other{i}"] for i in range(25)}  # one against the rest


def pairs(labels: dict[str, list[str]]) -> tuple[list[str], list[int]]:
    names = sorted(labels)
    found = rows(12 * len(labels), labels)
    return [text for text, _ in found], [names.index(label) for _, label in found]


def session(linear: Linear, temperature: float = 1.0) -> onnxruntime.InferenceSession:
    model = onnx_model(linear, temperature)
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString())


def batch(linear: Linear, texts: list[str]) -> dict[str, np.ndarray]:
    """As the runtime joins requests: padded to the longest."""
    features = [linear.counting.features(text) for text in texts]
    shape = len(texts), max(len(ids) for ids, _ in features)
    ids, weights = (
        np.full(shape, graph(len(linear.counting), len(linear.bias)).inputs[0].pad, np.int64),
        np.zeros(shape, np.float32),
    )
    for row, (columns, values) in enumerate(features):
        ids[row, : len(columns)], weights[row, : len(values)] = columns, values
    return {"ids": ids, "weights": weights}


@pytest.mark.parametrize("labels", [TWO, WORDS, MANY], ids=["two", "three", "many"])
def test_the_graph_gives_scikit_learns_probabilities(labels: dict[str, list[str]]) -> None:
    linear, pipeline = fit(*pairs(labels), len(labels), seed=0)
    texts = ["the lovely flight", "", "word3 other4 rude", "好的", *pairs(labels)[0][:40], "phone " * 3000]
    (probabilities,) = session(linear).run(None, batch(linear, texts))
    assert np.abs(probabilities - pipeline.predict_proba(texts)).max() < 1e-6
    (tempered,) = session(linear, 2.5).run(None, batch(linear, texts))
    assert np.abs(tempered - softmax(np.log(probabilities) / 2.5, axis=-1)).max() < 1e-6
    assert np.abs(softmax(linear.logits(texts), axis=-1) - probabilities).max() < 1e-6


@pytest.mark.parametrize("labels", [WORDS, MANY], ids=["softmax", "one against the rest"])
def test_a_class_without_training_rows_has_probability_0_and_does_not_move_the_temperature(
    labels: dict[str, list[str]],
) -> None:
    texts, targets = pairs(labels)
    linear, _ = fit(texts, [target + 1 for target in targets], len(labels) + 2, seed=0)  # the first and the last are not there
    (probabilities,) = session(linear, 10.0).run(None, batch(linear, texts))
    assert not probabilities[:, [0, -1]].any()
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-6)
    logits, truth = linear.logits(texts), np.array(targets) + 1
    truth[:5] = (truth[:5] + 1) % len(labels) + 1  # some are answered wrongly
    strange = np.append(truth, 0), np.concatenate([logits, logits[:1]])
    shown: list[Section] = []
    settings = calibrated(Classification(), logits, truth, shown.append)
    assert calibrated(Classification(), strange[1], strange[0], shown.append) == settings


def test_the_runtime_runs_the_file_at_every_size_that_the_graph_declares(tmp_path: Path) -> None:
    linear, _ = fit(*pairs(WORDS), 3, seed=0)
    spec, file = graph(len(linear.counting), len(linear.bias)), tmp_path / "linear.onnx"
    onnx.save(onnx_model(linear), file)
    backend = open_onnx([spec], {spec.name: file})
    for features in spec.axes["features"]:
        assert spec.example is not None
        probabilities = backend.run(spec.name, spec.example({"batch": 3, "features": features}))["probabilities"]
        assert (probabilities.shape, str(probabilities.dtype)) == ((3, 3), "float32")


def test_a_linear_classifier_is_fitted_and_written_without_importing_torch() -> None:
    code = (
        "import sys; from framework_classification.linear import fit;"
        "from framework_classification.linear_graph import onnx_model;"
        "onnx_model(fit(['a lovely day', 'an awful day'], [0, 1], 2, 0)[0]);"
        "print(sorted({'torch', 'transformers', 'pytorch_lightning'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


WHOLE_RUN = """
import sys
import framework

run = framework.run_recipe("sentiment", f"data.train={sys.argv[1]}", "candidates=[linear]", "export=[onnx]", folder=sys.argv[2])
print(framework.load(run).predict(["the lovely flight"])[0]["label"])
print(sorted({"torch", "transformers", "pytorch_lightning"} & sys.modules.keys()))
"""


def test_a_whole_run_of_it_with_its_tracker_imports_no_torch_and_its_artifact_answers(tmp_path: Path, csv_file: Path) -> None:
    run = tmp_path / "run"
    done = subprocess.run([sys.executable, "-c", WHOLE_RUN, csv_file, run], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (0, ["positive", "[]"]), done.stderr
    assert list((run / "logs" / "tensorboard").glob("events.*"))


def test_many_classes_are_learned_in_fewer_epochs_where_time_is_short() -> None:
    words = [f"word{number}" for number in range(40)]
    texts, targets = [f"{word} {other}" for word in words for other in words[:5]], [i // 5 for i in range(200)]
    (whole, epochs), (short, one) = [
        (linear, int(pipeline[-1].n_iter_))
        for linear, pipeline in (fit(texts, targets, 40, 0), fit(texts, targets, 40, 0, seconds=0.0))
    ]
    assert (epochs > 1, one) == (True, 1)
    assert [(linear.logits(texts).argmax(1) == targets).mean() > 0.9 for linear in (whole, short)] == [True, True]


def test_texts_without_a_word_are_refused() -> None:
    with pytest.raises(InputError, match="every training text is empty"):
        fit(["", " \n"], [0, 1], 2, seed=0)


def test_the_codec_answers_with_what_the_graph_gives(tmp_path: Path) -> None:
    linear, pipeline = fit(*pairs(WORDS), 3, seed=0)
    linear.counting.save(tmp_path)
    codec = LinearCodec({"labels": sorted(WORDS), "threshold": 0.99}, tmp_path)
    run = session(linear)
    assert other_features(pipeline[0], codec.counting, [request["text"] for request in codec.odd_requests()]) == []
    for request in [codec.parse("the lovely flight"), *codec.odd_requests()]:
        steps = codec.start(request)
        call = next(steps)
        assert isinstance(call, Call)
        assert call.feeds["ids"].shape == call.feeds["weights"].shape
        (probabilities,) = run.run(None, dict(call.feeds))
        with pytest.raises(StopIteration) as stopped:
            steps.send({"probabilities": probabilities})
        response = stopped.value.value
        assert response["label"] == sorted(WORDS)[probabilities[0].argmax()]
        assert response["abstains"] == bool(probabilities.max() < 0.99)
    assert codec.interface().response["properties"]["label"]["enum"] == sorted(WORDS)


def test_a_long_text_feeds_no_more_than_the_graph_takes(tmp_path: Path) -> None:
    texts = [f"{thing}{i} {thing}{i + 1}" for thing in THINGS for i in range(400)]
    linear, _ = fit(texts, [i % 2 for i in range(len(texts))], 2, seed=0)
    linear.counting.save(tmp_path)
    call = next(LinearCodec({"labels": ["a", "b"]}, tmp_path).start({"text": " ".join(texts)}))
    assert isinstance(call, Call)
    assert call.feeds["ids"].shape == (1, MOST)


def test_constant_answers_are_the_shares_and_call_no_graph(tmp_path: Path) -> None:
    codec = ConstantCodec({"labels": ["a", "b"], "shares": [0.25, 0.75]}, tmp_path)
    with pytest.raises(StopIteration) as stopped:
        next(codec.start(codec.parse("any text")))
    assert stopped.value.value == {"label": "b", "probability": 0.75, "probabilities": {"a": 0.25, "b": 0.75}}
