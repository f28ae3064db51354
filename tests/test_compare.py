"""Two artifacts are compared on the same rows: what differs, whether it may be chance, and what both could not be asked."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

import framework
from framework import Contributions, FrameworkError, InputError, Metric
from framework.__main__ import main
from framework.evaluation.comparison.bootstrap import judge_again, resample
from framework.evaluation.comparison.mcnemar import holm, mcnemar
from framework.evaluation.comparison.result import Difference, Part
from framework.evaluation.comparison.verdict import outcome_of, rows_needed, verdict_of
from framework_classification.task import ClassificationTask
from tests.registered import linear_run, resealed
from tests.tiny import THINGS, rows, write_csv


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """labelled.csv, and runs: `good`; `blind`, trained on neutral texts called negative; `two`, of two labels."""
    place = tmp_path_factory.mktemp("compared")
    train = rows(240)
    write_csv(place / "good.csv", train)
    pick = random.Random(0)
    spoiled = [(text, pick.choice(["negative", label]) if label == "neutral" else label) for text, label in train]
    write_csv(place / "blind.csv", spoiled)
    write_csv(place / "two.csv", [pair for pair in train if pair[1] != "neutral"])
    for name in ("good", "blind", "two"):
        linear_run(place / f"{name}.csv", place / name)
    write_csv(
        place / "labelled.csv",
        [(text, label, ("en", "de")[i % 2]) for i, (text, label) in enumerate(rows(300, seed=9))],
        ("text", "label", "language"),
    )
    return place


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_a_worse_artifact_is_called_worse_by_how_much_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "comparison.json"
    assert main(["compare", "good", "blind", "labelled.csv", "--slice", "language", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    content = json.loads(out.read_text("utf-8"))
    judged = content["differences"][0]
    metrics = {name: framework.evaluate(name, "labelled.csv").metrics for name in ("good", "blind")}
    assert (judged["name"], judged["a"], judged["b"]) == ("macro_f1", metrics["good"]["macro_f1"], metrics["blind"]["macro_f1"])
    assert judged["low"] < judged["b"] - judged["a"] < judged["high"] < 0
    assert content["outcome"] == "worse"
    assert content["verdict"].startswith("B is worse than A on these 300 rows: macro_f1 ")
    assert "B is significantly worse on neutral" in content["verdict"]
    assert content["verdict"] in printed
    assert [part["score"]["name"] for part in content["slices"]] == ["de", "en"]
    assert sum(part["rows"] for part in content["slices"]) == 300
    assert all(content[side]["costs"][cost] > 0 for side in "ab" for cost in ("milliseconds", "per_second", "bytes", "memory"))
    for title in ("Metrics", "By class, the worst for B first", "By slice", "Costs on this machine", "McNemar's exact test"):
        assert title in printed


def test_the_order_of_the_two_turns_every_sign() -> None:
    one, other = framework.compare("good", "blind", "labelled.csv"), framework.compare("blind", "good", "labelled.csv")
    assert (one.outcome, other.outcome) == ("worse", "better")
    assert one.gain == pytest.approx([-other.gain[0], -other.gain[2], -other.gain[1]])
    assert one.test is not None
    assert other.test is not None
    assert (one.test.only_a, one.test.p) == (other.test.only_b, other.test.p)
    assert not any(part.regressed for part in other.classes)


def test_an_artifact_is_as_good_as_itself() -> None:
    comparison = framework.compare("good", "good", "labelled.csv")
    assert comparison.outcome == "same"
    assert comparison.verdict.startswith("A and B are equally good on every sample of these 300 rows")


def test_few_rows_cannot_tell_and_the_verdict_says_how_many_could(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "few.csv", [*rows(9, seed=9), *[("the blue paper flight", "neutral"), ("the daily bag seat", "neutral")]]
    )
    comparison = framework.compare("good", "blind", tmp_path / "few.csv", metric="accuracy")
    assert comparison.outcome in ("undecided", "same")
    assert comparison.judged.name == "accuracy"
    judged = Difference("accuracy", 0.80, 0.82, -0.02, 0.06, 0.02)
    verdict = verdict_of(Metric("accuracy"), judged, 300, 0.95, [])
    assert verdict == (
        "These 300 rows cannot tell A and B apart: accuracy 0.8200 against 0.8000, +0.0200 (95% interval -0.0200 to +0.0600). "
        "If they differ as much as it looks, about 2,400 rows would tell them apart, four times in five."
    )
    assert rows_needed(judged, 300, 0.95) == pytest.approx(300 * ((1.95996 + 0.84162) * 0.02 / 0.02) ** 2, rel=1e-4)


def test_a_class_that_got_worse_is_named_although_the_whole_did_not() -> None:
    part = Part(None, Difference("refund", 0.9, 0.7), mcnemar(*rights(40, 12)), 0.001, True)
    verdict = verdict_of(Metric("macro_f1"), Difference("macro_f1", 0.8, 0.8001, -0.01, 0.01, 0.005), 4000, 0.95, [part])
    assert "Although the whole is not worse, B is significantly worse on refund (0.9000 to 0.7000, p = 0.001)" in verdict


def test_a_loss_gains_by_falling() -> None:
    loss = Metric("mean_absolute_error", maximize=False)
    assert outcome_of(loss, Difference(loss.name, 2.0, 1.5, -0.7, -0.3, 0.1)) == "better"
    assert outcome_of(loss, Difference(loss.name, 1.5, 2.0, 0.3, 0.7, 0.1)) == "worse"


def test_a_gate_holds_the_whole_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "blind", "good", "labelled.csv", "--min-gain", "0"]) == 0
    assert "gate holds: B gains at least +" in capsys.readouterr().out
    assert main(["compare", "good", "blind", "labelled.csv", "--min-gain=-0.001"]) == 3
    assert "gate FAILS: B gains at least -" in capsys.readouterr().out


def test_artifacts_of_different_tasks_are_refused(tmp_path: Path, place: Path) -> None:
    talk = resealed(place / "good" / "artifact", tmp_path / "talk", task="dialogue")
    with pytest.raises(InputError, match="A is of the task classification and B of dialogue"):
        framework.compare("good", talk, "labelled.csv")


def test_different_labels_are_refused_naming_them_and_compared_on_those_that_both_know() -> None:
    with pytest.raises(InputError, match=r"different labels: A alone knows 'neutral'; --shared-labels"):
        framework.compare("good", "two", "labelled.csv")
    comparison = framework.compare("good", "two", "labelled.csv", shared_labels=True)
    assert comparison.rows == sum(label != "neutral" for _, label in rows(300, seed=9))
    assert "200 rows have labels that both know; an answer with another label counts as wrong" in comparison.notes


def test_labels_without_one_in_common_leave_nothing_to_ask(tmp_path: Path, place: Path) -> None:
    data = framework.load("good").manifest.data
    from dataclasses import replace

    other = resealed(place / "good" / "artifact", tmp_path / "other", data=replace(data, classes=("spam", "ham")))
    with pytest.raises(InputError, match="there is nothing that both could be asked"):
        framework.compare("good", other, "labelled.csv", shared_labels=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good", "nowhere", "labelled.csv"], "no artifact at nowhere"),
        (["good", "blind", "labelled.csv", "--metric", "f1"], "no metric 'f1' to compare by; "),
        (["good", "blind", "labelled.csv", "--slice", "langage"], "no column 'langage' to part the rows by; did you mean"),
        (["good", "blind", "labelled.csv", "--slice", "text"], "300 values"),
        (["good", "blind", "labelled.csv", "--draws", "10"], "an interval needs at least 100 samples"),
        (["good", "blind", "labelled.csv", "--confidence", "95"], "write a share of at least 0.5 and below 1"),
        (["good", "blind", "labelled.csv", "--column", "stars=label"], "write --column ROLE=NAME"),
        (["good", "blind", "labelled.csv", "--min-gain", "nan"], "write a number, such as --min-gain=-0.01"),
        (["good", "blind", "labelled.csv", "--json", "labelled.csv"], "nothing was overwritten"),
    ],
)  # fmt: skip
def test_wrong_arguments_say_what_to_write(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_gates_from_python() -> None:
    result = framework.evaluate("good", "labelled.csv", minimum={"macro_f1": 0.5}, maximum={"ece": 0.0})
    assert not result.holds
    assert [gate.holds(result.metrics[gate.metric]) for gate in result.gates] == [True, False]
    assert framework.evaluate("good", "labelled.csv", minimum={"macro_f1": 0.5}).holds
    with pytest.raises(InputError, match="no metric 'f1'"):
        framework.evaluate("good", "labelled.csv", minimum={"f1": 0.5})
    with pytest.raises(InputError, match="the bound of macro_f1 is a number, not 'high'"):
        framework.evaluate("good", "labelled.csv", minimum={"macro_f1": "high"})  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"no quote 'single'"):
        framework.evaluate("good", "labelled.csv", quote="single")


def rights(only_a: int, only_b: int, both: int = 50) -> tuple[np.ndarray, np.ndarray]:
    a = np.array([True] * only_a + [False] * only_b + [True] * both)
    b = np.array([False] * only_a + [True] * only_b + [True] * both)
    return a, b


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (12, 40), (3000, 2900)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    test = mcnemar(*rights(only_a, only_b))
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert (test.only_a, test.only_b) == (only_a, only_b)
    assert test.p == pytest.approx(expected, rel=1e-9)


def test_holm_counts_the_tests_that_are_made_together() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def _classifier(count: int, classes: int) -> tuple[Any, list[dict[str, Any]], framework.Table]:
    """Random answers to random rows, each class right about half of the time."""
    random = np.random.default_rng(classes)
    names = [f"c{i}" for i in range(classes)]
    targets = random.integers(classes, size=count)
    scores = random.random((count, classes)) + 0.5 * np.eye(classes)[targets]
    scores /= scores.sum(1, keepdims=True)
    responses = [{"probabilities": dict(zip(names, map(float, row), strict=True))} for row in scores]
    table = framework.Table({"text": ["x"] * count, "label": [names[i] for i in targets]}, list(range(count)))
    return ClassificationTask(), responses, table


@pytest.mark.parametrize("classes", [2, 9])
def test_resampled_sums_give_the_metrics_that_judging_the_sample_gives(classes: int) -> None:
    task, responses, table = _classifier(150, classes)
    answers = framework.Answers(None, responses)  # type: ignore[arg-type]  # whose codec only calibration needs
    contributions = task.contributions(answers, table)
    (fast,) = resample([contributions], np.arange(150), 120, seed=7)

    def judge(drawn: np.ndarray) -> Mapping[str, float]:
        sample = framework.Answers(None, [responses[i] for i in drawn])  # type: ignore[arg-type]
        metrics: Mapping[str, float] = task.evaluate(sample, table.take(drawn)).metrics
        return metrics

    (slow,) = judge_again([judge], 150, 120, 7, seconds=60, least=120)
    for name in ("accuracy", "macro_f1", "nll"):
        assert np.mean(fast.metrics[name]) == pytest.approx(np.mean(slow[name]), abs=0.02)
        assert np.std(fast.metrics[name]) == pytest.approx(np.std(slow[name]), rel=0.35)
    drawn = np.random.default_rng(7).integers(150, size=(120, 150), dtype=np.int32)
    assert fast.metrics["macro_f1"] == pytest.approx([judge(sample)["macro_f1"] for sample in drawn])
    assert fast.metrics["nll"] == pytest.approx([judge(sample)["nll"] for sample in drawn])


def test_means_of_rows_are_what_a_strangers_task_has_to_give() -> None:
    errors = np.array([1.0, 2.0, 6.0, 3.0])
    contributions = Contributions.means({"mean_absolute_error": errors})
    (samples,) = resample([contributions], np.arange(4), 500, seed=1)
    drawn = np.random.default_rng(1).integers(4, size=(500, 4), dtype=np.int32)
    assert samples.metrics["mean_absolute_error"] == pytest.approx(errors[drawn].mean(1))


def test_contributions_that_do_not_come_to_the_metric_are_the_plugins_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: ClassificationTask, answers: framework.Answers, table: framework.Table) -> Contributions:
        return Contributions.means({"macro_f1": np.zeros(len(table))})

    monkeypatch.setattr(ClassificationTask, "contributions", wrong)
    with pytest.raises(FrameworkError, match="task classification: contributions make macro_f1 0"):
        framework.compare("good", "blind", "labelled.csv")


def test_a_task_that_does_not_decompose_is_judged_on_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClassificationTask, "contributions", lambda self, answers, table: None)
    comparison = framework.compare("good", "blind", "labelled.csv", slices=_languages())
    assert comparison.outcome == "worse"
    assert "200 samples of the rows: macro_f1 of the task classification is judged anew on each" in comparison.method
    assert (comparison.test, comparison.classes) == (None, ())
    assert [part.rows for part in comparison.slices] == [150, 150]


def test_rows_of_several_files_are_parted_by_a_column_too(tmp_path: Path) -> None:
    header, *lines = Path("labelled.csv").read_text("utf-8").splitlines()
    for name, part in (("a", lines[:200]), ("b", lines[200:])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]), "utf-8")
    comparison = framework.compare("good", "blind", f"{tmp_path}/*.csv", slices="language")
    assert [(part.rows, part.score.name) for part in comparison.slices] == [(150, "de"), (150, "en")]


def _languages() -> Sequence[str]:
    return ["en", "de"] * 150


@pytest.fixture(scope="module")
def entities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rows.conll, and the runs `all` and `some`: the second has seen fewer of the words that are things."""
    place = tmp_path_factory.mktemp("entities")
    words = {"all": THINGS, "some": THINGS[:4], "rows": THINGS}
    for name, things in words.items():
        texts = [text for text, _ in rows(60, seed=name == "rows")]
        tagged = ["".join(f"{word} {'B-thing' if word in things else 'O'}\n" for word in text.split()) for text in texts]
        (place / f"{name}.conll").write_text("\n".join(tagged))
    for name in ("all", "some"):
        given = [f"data.train={place / name}.conll", "candidates=[most_frequent]", "tracker=none", "export=[onnx]"]
        framework.run_recipe("entities", *given, folder=place / name)
    return place


def test_spans_are_compared_label_by_label(entities: Path) -> None:
    comparison = framework.compare(entities / "all", entities / "some", entities / "rows.conll")
    assert comparison.metric.name == "entity_f1"
    assert comparison.outcome == "worse"
    assert [part.score.name for part in comparison.classes if part.regressed] == ["thing"]
    assert comparison.test is not None
    assert {"entity_f1", "macro_f1"} <= {one.name for one in comparison.differences if one.low is not None}
