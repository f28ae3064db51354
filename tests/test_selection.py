"""Which candidate ships: the best on held-out rows, a cheaper one that is as good, and one that meets the targets."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framework
from framework import Answers, Contributions, Decomposes, Evaluation, InputError, Metric, NoOptions, Splits, Table, Task
from framework.__main__ import main
from framework.data.splitting.duplicates import DuplicateRule
from framework.data.splitting.folds import folds
from framework.data.splitting.shares import Roles
from framework.evaluation.comparison.judged import judged_answers
from framework.evaluation.comparison.ranking import Estimate, Score, scores_of
from framework.evaluation.comparison.statistics import Statistics
from framework.recipe.compose import compose_recipe
from framework.run.fit import Trial
from framework.run.folder import RunState
from framework.run.selection.outlook import outlook
from framework.run.selection.result import Ranked
from framework.run.selection.rule import choose, decision, with_reasons
from tests.test_run import report
from tests.tiny import install, rows, write_csv

ROWS = 400
BEST = Ranked("dear", {}, Score(0.80, 0.77, 0.83, Estimate(0.0, 0.0, 0.0, 0.0)), ROWS, "dear", 0.008, 9.0, 1_000_000)


def behind(loss: float, low: float, high: float, *, seconds: float | None = 0.001) -> Ranked:
    """A candidate that is cheaper to serve than `BEST`, and worse by `loss`, with its 95 % interval."""
    score = Score(BEST.score.value - loss, 0.7, 0.9, Estimate(loss, low, high, (high - low) / 4))
    return replace(BEST, candidate="cheap", score=score, row_seconds=seconds)


def why(other: Ranked, tolerance: float = 0.01) -> tuple[str, str]:
    """The decision between `BEST` and another candidate, and why the one that is not chosen does not ship."""
    ranking = [BEST, other]
    chosen = choose(ranking, tolerance)
    reasons = [one.reason for one in with_reasons(ranking, chosen, tolerance)]
    assert [not reason for reason in reasons] == [one is chosen for one in ranking]
    return decision(ranking, chosen, tolerance, "accuracy"), "".join(reasons)


def test_the_best_ships_where_the_other_is_shown_to_be_worse() -> None:
    sentence, reason = why(behind(0.012, 0.003, 0.021))
    assert sentence == "dear is chosen, best by accuracy on 400 held-out rows"
    assert reason == "0.0120 worse than dear on 400 rows, 95 % interval 0.0030 to 0.0210"


def test_a_cheaper_one_ships_where_it_is_as_good_and_can_lose_little() -> None:
    sentence, reason = why(behind(0.002, -0.004, 0.008))
    assert sentence == (
        "cheap is chosen: dear is better by 0.0020 accuracy on 400 held-out rows, which may be chance, and is 8.0 times slower "
        "to serve; what cheap loses is at most 0.0080 (95 % interval), within select.tolerance=0.01"
    )
    assert reason == "as good as cheap as far as 400 rows can tell, but 8.0 times slower to serve"


def test_few_rows_do_not_make_a_cheaper_one_as_good() -> None:
    few = behind(0.03, -0.01, 0.07)
    sentence, reason = why(few)
    assert sentence == (
        "dear is chosen, best by accuracy on 400 held-out rows; cheap: not shown to be worse, but these rows cannot exclude a "
        "loss above select.tolerance=0.01"
    )
    assert reason.endswith("95 % interval -0.0100 to 0.0700: above select.tolerance=0.01")
    assert why(few, tolerance=0.07)[0].startswith("cheap is chosen")


def test_of_the_same_score_the_cheaper_ships_and_of_the_same_costs_the_better() -> None:
    assert why(behind(0.0, -0.05, 0.05))[0].startswith("cheap is chosen: dear has the same accuracy on 400 held-out rows")
    sentence, reason = why(behind(0.002, -0.004, 0.008, seconds=0.0079))
    assert sentence.endswith("; cheap: may be as good, but not cheaper to serve")
    assert reason == "as good as dear as far as 400 rows can tell, but not cheaper to serve"


def test_without_an_interval_the_best_score_ships() -> None:
    unsure = replace(behind(0.002, 0, 0), score=Score(0.798, None, None, None))
    assert why(unsure) == (
        "dear is chosen, best by accuracy on 400 held-out rows; cheap: not shown to be worse, but these rows cannot exclude a "
        "loss above select.tolerance=0.01",
        "0.0020 worse than dear; samples for an interval take too long",
    )


def test_what_more_would_bring_is_what_was_measured() -> None:
    trials = {
        "linear": Trial("linear", 5.0, 0, allowed=60.0, rows=3000),
        "frozen": Trial("frozen", 50.0, 0, allowed=60.0, rows=800),
        "fine_tuned": Trial("fine_tuned", 59.0, 0, allowed=60.0),
        "late": Trial("late", 0.0, 0, ("no time is left",), allowed=0.0),
        "free": Trial("free", 5.0, 0),
    }
    assert outlook([BEST, behind(0.01, -0.01, 0.03)], trials, 0.01, 3000) == (
        "more time would let late take part",
        "frozen learned from 800 of 3,000 training rows",
        "fine_tuned used up its 59 s: with more time its fit goes on, and nothing measured here says what that brings",
        "more time would not change linear, which ended before their time was up",
        "about 3,100 held-out rows in place of 400 would tell cheap from dear, if they differ as much as it looks",
    )


class Guessing(Task[NoOptions, Any]):
    """Whether an answer is right is its own field."""

    name = "guessing"
    every_column = ()
    metrics = (Metric("right"), Metric("wrong", maximize=False))
    competing = ()

    def prepare(self, splits: Splits, options: NoOptions) -> Any:
        raise NotImplementedError

    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        right = float(np.mean([response["right"] for response in answers.responses]))
        return Evaluation({"right": right, "wrong": 1 - right})


class Decomposed(Guessing, Decomposes):
    def contributions(self, answers: Answers, rows: Table) -> Contributions:
        right = np.array([response["right"] for response in answers.responses], dtype=float)
        return Contributions.means({"right": right, "wrong": 1 - right})


@pytest.mark.parametrize("task", [Guessing(), Decomposed()])
@pytest.mark.parametrize("metric", Guessing.metrics)
def test_the_loss_against_the_best_is_the_difference_of_the_paired_bootstrap(task: Guessing, metric: Metric) -> None:
    pick = random.Random(0)
    table = Table({}, range(200))
    shares = {"worst": 0.5, "best": 0.9, "close": 0.88}
    answers = [Answers(None, [{"right": pick.random() < share} for _ in range(200)]) for share in shares.values()]  # type: ignore[arg-type]
    judged = [judged_answers(task, one, table) for one in answers]
    scores = dict(zip(shares, scores_of(task, table, metric, judged, 0, 60.0), strict=True))
    assert scores["best"].loss == Estimate(0.0, 0.0, 0.0, 0.0)
    pair = Statistics(task, table, metric, (judged[0], judged[1]), 2000, 0.95, 0).differences()[0][0]
    loss = scores["worst"].loss
    assert loss is not None
    assert [loss.value, *sorted((loss.low, loss.high))] == pytest.approx([abs(pair.difference), *sorted(map(abs, _ends(pair)))])
    assert loss.low > 0
    close = scores["close"].loss
    assert close is not None
    assert close.low < 0 < close.high
    for score in scores.values():
        assert score.low is not None
        assert score.high is not None
        assert score.low < score.value < score.high


def _ends(pair: Any) -> tuple[float, float]:
    return pair.low, pair.high


def test_samples_that_take_too_long_leave_no_interval() -> None:
    judged = [judged_answers(Guessing(), Answers(None, [{"right": True}] * 9), Table({}, range(9)))] * 2  # type: ignore[arg-type]
    scores = scores_of(Guessing(), Table({}, range(9)), Metric("right"), judged, 0, 0.0)
    assert scores == [Score(1.0, None, None, None)] * 2


def test_further_splits_hold_out_other_rows_of_every_label_and_keep_alike_texts_together() -> None:
    pairs = [*rows(120), *[(f"{text} !", label) for text, label in rows(30, seed=1)], *rows(30, seed=1)]
    columns = {"text": [text for text, _ in pairs], "label": [label for _, label in pairs]}
    table = Table(columns, range(2, 2 + len(pairs)), "all.csv")
    first = np.arange(0, 120, 10)
    splits = Splits(table.take(np.setdiff1d(np.arange(len(pairs)), first)), table.take(first), table.take([]))
    rule = DuplicateRule(Roles(("text", "label"), ("text",), "label"))
    further = list(folds(splits, rule, 20, 0))
    assert len(further) > 5
    held_out = [set(fold.validation.lines) for fold in [splits, *further]]
    assert sum(map(len, held_out)) == len(set().union(*held_out))
    for fold in further:
        assert set(fold.train.texts("label")) == set(fold.validation.texts("label")) == set(columns["label"])
        assert not set(fold.train.lines) & set(fold.validation.lines)
        forms = [{text.rstrip(" !") for text in part.texts("text")} for part in (fold.train, fold.validation)]
        assert not forms[0] & forms[1]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:
    """Rows of which a tenth has another label."""
    pick = random.Random(0)
    spoiled = [(text, pick.choice(["positive", "negative"]) if pick.random() < 0.1 else label) for text, label in rows(180)]
    return write_csv(tmp_path_factory.mktemp("noisy") / "noisy.csv", spoiled)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, quick: None) -> None:
    """Installs the candidate `half`."""
    from framework import plugins

    site = tmp_path_factory.mktemp("site")
    install(site, "twins", "tests.twins")
    sys.path.append(str(site))
    plugins._load.cache_clear()


def run(folder: Path, file: Path, *overrides: str) -> Path:
    settings = ["export=[quick]", "tracker=none", "trainer.enable_progress_bar=false", *overrides]
    return framework.run_recipe("sentiment", f"data.train={file}", *settings, folder=folder / "run")


def content(folder: Path) -> Any:
    """The content of report.json."""
    return report(folder)


def selection_of(folder: Path) -> Mapping[str, Any]:
    selection: Mapping[str, Any] = json.loads((folder / "selection.json").read_text("utf-8"))
    return selection


@pytest.mark.usefixtures("twins")
def test_what_few_rows_cannot_tell_apart_is_fitted_again_on_other_rows(tmp_path: Path, noisy: Path) -> None:
    folder = run(tmp_path, noisy, "candidates=[linear,half,majority]")
    selection = selection_of(folder)
    ranked = {one["candidate"]: one for one in selection["ranking"]}
    validation = content(folder)["config"]["data"]["validation_fraction"] * 180
    assert ranked["majority"]["rows"] == pytest.approx(validation, abs=3)
    assert ranked["linear"]["rows"] == ranked["half"]["rows"] == selection["rows"] > 2 * validation
    assert ranked["majority"]["score"]["loss"]["low"] > 0
    assert all(one["row_seconds"] > 0 and one["peak_bytes"] > 0 for one in ranked.values())
    assert len(list(folder.glob("trials/half/folds/*/validation.json"))) > 1
    assert {path.name for path in folder.glob("trials/*/folds/*/*")} == {"validation.json"}
    table = next(section for section in content(folder)["sections"] if section["title"] == "Candidates on validation")
    assert [row[0] for row in table["rows"]] == list(ranked)
    assert table["rows"][-1][-1].startswith("0.")
    sentences = [entry["sentence"] for entry in content(folder)["decisions"] if entry["about"] == "candidates"]
    assert any(sentence.startswith("majority does not ship: ") for sentence in sentences)

    answers = {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/validation.json")}
    (folder / "selection.json").unlink()
    shutil.rmtree(folder / "artifact")
    RunState.read(folder).note(folder, finished=False)
    assert main(["resume", str(folder)]) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("trials/**/validation.json")} == answers
    assert selection_of(folder) == selection


def test_the_first_that_meets_the_targets_ships_and_a_later_target_decides_anew(tmp_path: Path, noisy: Path) -> None:
    folder = run(tmp_path, noisy, "candidates=[linear,majority]", "target.size_mb=0.001", "select.tolerance=0")
    assert selection_of(folder)["winner"] == content(folder)["candidate"] == "majority"
    targets = next(entry["sentence"] for entry in content(folder)["decisions"] if entry["about"] == "targets")
    assert targets.startswith("majority (codec) meets the targets and ships; linear, which validation chooses, misses them: ")
    assert targets.endswith("MB above target.size_mb=0.001")
    assert content(folder)["selection"]["reasons"]["linear"].startswith("misses the targets: ")
    assert main(["export", str(folder), "target.size_mb=10"]) == 0
    assert selection_of(folder)["winner"] == content(folder)["candidate"] == "linear"
    assert " worse than linear on 19 rows" in content(folder)["selection"]["reasons"]["majority"]


def test_a_target_that_nothing_meets_is_missed_by_a_stated_amount(tmp_path: Path, noisy: Path) -> None:
    folder = run(tmp_path, noisy, "candidates=[linear]", "target.latency_ms=1e-6", "target.size_mb=1")
    measured = content(folder)["files"]["quick"]["milliseconds"]
    sentence = content(folder)["selection"]["targets"]
    assert sentence == f"no exported file meets the targets; linear (quick) is nearest: {measured:.3g} ms above " + (
        "target.latency_ms=1e-06"
    )


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["target.latency_ms=0"],
            "target.latency_ms=0.0 is the most that the shipped file may take: milliseconds of one request",
        ),
        (["target.size_mb=-3"], "target.size_mb=-3.0 is the most that the shipped file may take: megabytes"),
        (["target.latency_ms=nan"], "target.latency_ms=nan is the most"),
        (["target.latency_ms=fast"], "target.latency_ms=fast: write a number, or null"),
        (["target.latency=5"], "no key 'target.latency'; did you mean target.latency_ms?"),
        (
            ["target.latency_ms=5", "target.latency_ms=50"],
            "target.latency_ms=5 and target.latency_ms=50 contradict each other: write one of them",
        ),
        (["select.tolerance=2"], "select.tolerance=2.0 is what a cheaper candidate may lose of the metric: from 0 to 1"),
    ],
)
def test_senseless_targets_are_refused_before_anything_is_fitted(overrides: list[str], problem: str) -> None:
    with pytest.raises(InputError) as error:
        compose_recipe("sentiment", overrides)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
