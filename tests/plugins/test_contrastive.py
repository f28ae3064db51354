"""The candidate `contrastive`: what it learns from few rows, in which time, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

import framework
from framework import Budget, InputError, Metric
from framework.contracts.candidate import FitContext
from framework.testing.conformance import TaskConformance
from framework_classification import Classification
from framework_classification.contrastive.class_names import named_texts, words_of
from framework_classification.contrastive.module import PrototypeTuning
from framework_classification.contrastive.options import ContrastiveTuning
from framework_classification.contrastive.plan import LEAST, PASSES, Context, check_time, plan_of
from framework_text.encoder import TokenCollator, TokenizedRows
from framework_text.features import FrozenEncoder
from tests.tiny import LENGTH, THINGS, rows, tiny_model, write_csv


class TestConformance(TaskConformance):
    recipe = "sentiment"
    candidate = "contrastive"
    trains = False  # it keeps no checkpoints: a training of so few rows begins again
    overfit: ClassVar[list[str]] = ["candidates.contrastive.passes=100", "candidates.contrastive.all_rows=false"]

    def overrides(self, folder: Path) -> list[str]:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            f"data.train={write_csv(folder / 'rows.csv', rows())}",
            "candidates=[contrastive]",
            f"model.name={tiny_model(folder / 'model', layers=1)}",
            f"task.max_length={LENGTH}",
            "export=[onnx]",
            "trainer.enable_progress_bar=false",
        ]


def context(tmp_path: Path, budget: Budget, tuning: ContrastiveTuning | None = None) -> Context:
    tuning = tuning or ContrastiveTuning()
    return FitContext(Classification(), tuning, Metric("accuracy"), 0, tmp_path, tmp_path, print, budget=budget)


def test_the_plan_ends_with_the_rows_or_with_the_time(tmp_path: Path) -> None:
    unlimited = plan_of(100, 120, 5, 50.0, context(tmp_path, Budget()))
    assert (unlimited.passes, unlimited.seconds) == (PASSES, float("inf"))
    limited = plan_of(100, 120, 5, 50.0, context(tmp_path, Budget(12.0)))
    assert limited.seconds == pytest.approx(0.8 * 12 - 120 / (3 * 50), abs=0.1)
    assert "about 4.4 passes" in str(limited.section().note)
    minutes = context(tmp_path, Budget(12.0), ContrastiveTuning(tune_minutes=0.14))
    assert plan_of(100, 120, 5, 50.0, minutes).seconds == pytest.approx(8.4)
    assert plan_of(100, 120, 5, 50.0, context(tmp_path, Budget(), ContrastiveTuning(passes=3))).passes == 3


def test_many_rows_get_fewer_passes_and_no_fewer_than_are_worth_it(tmp_path: Path) -> None:
    passes = [plan_of(texts, 0, 5, 50.0, context(tmp_path, Budget())).passes for texts in (3_000, 8_000, 100_000)]
    assert passes == [PASSES, 5, LEAST]


def test_more_rows_than_the_time_covers_a_few_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"4 passes over 10,000 texts take 800 s or more .* 5 s are left .* budget="):
        plan_of(10_000, 500, 5, 50.0, context(tmp_path, Budget(10.0)))


def test_more_rows_than_can_be_learned_are_refused_by_the_speed_of_reading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="take 400 s or more"):  # learning is slower than half of 200 texts a second
        check_time(10_000, 500, 200.0, context(tmp_path, Budget(100.0)))
    check_time(1_000, 500, 200.0, context(tmp_path, Budget(100.0)))


@pytest.mark.parametrize(
    ("label", "words"),
    [("card_arrival", "card arrival"), ("cardArrival", "card Arrival"), ("Sci/Tech", "Sci Tech"), ("好评", "好评"),
     ("pos", None), ("3", None), ("B2B", None), ("", None)],
)  # fmt: skip
def test_labels_that_are_words_are_told_from_codes(label: str, words: str | None) -> None:
    assert words_of(label) == words


def test_names_are_used_for_all_classes_or_for_none() -> None:
    assert named_texts(["lost_card", "new_card"]) == ["lost card", "new card"]
    assert named_texts(["lost_card", "7"]) == []
    assert named_texts(["lost_card", "lost-card"]) == []


def test_a_run_tunes_ships_and_says_what_it_learned_from(
    tmp_path: Path, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    things = {f"about_{thing}": [thing] for thing in THINGS[:4]}
    pairs = rows(120, things)
    file = write_csv(tmp_path / "few.csv", pairs)
    kept = [one for one in small if one.startswith(("model.name", "task.", "trainer.enable"))]
    settings = [f"data.train={file}", *kept, "candidates=[contrastive]", "tracker=none", "export=[quick]"]
    run = framework.run_recipe("sentiment", *settings, "candidates.contrastive.passes=3", folder=tmp_path / "run")
    facts = json.loads((run / "trials" / "contrastive" / "fitted" / "fitted.json").read_text("utf-8"))["facts"]
    texts = facts["rows"] + len(things)
    assert (facts["training"]["epochs"], facts["details"]["texts learned"]) == (3, 3 * texts)
    assert facts["details"]["pairs learned"] == 3 * texts * len(things)
    assert "texts of a pass" in capsys.readouterr().out
    answer = framework.load(run).predict([pairs[0][0]])
    assert set(answer[0]["probabilities"]) == set(things)


def test_a_run_without_time_for_one_pass_leaves_it_out_and_says_why(
    tmp_path: Path, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [one for one in small if one.startswith(("data.", "model.name", "task.", "trainer.enable"))]
    settings += ["candidates=[linear,contrastive]", "tracker=none", "export=[quick]"]
    run = framework.run_recipe("sentiment", *settings, "candidates.contrastive.tune_minutes=1e-6", folder=tmp_path / "run")
    assert "contrastively tuned encoder + logistic regression is left out" in capsys.readouterr().out
    (reason,) = json.loads((run / "selection.json").read_text("utf-8"))["refused"]["contrastive"]
    assert reason["english template"].startswith("it is for few rows: {passes} passes over {texts:,} texts")


def test_wrong_options_are_named_together(tmp_path: Path, small: list[str]) -> None:
    settings = [one for one in small if one.startswith(("data.", "model.name", "task."))]
    wrong = ["tune_minutes=0", "passes=0", "similarity_temperature=0"]
    with pytest.raises(InputError) as error:
        framework.run_recipe(
            "sentiment",
            *settings,
            "candidates=[contrastive]",
            *(f"candidates.contrastive.{one}" for one in wrong),
            folder=tmp_path / "run",
        )
    assert all(f"candidates.contrastive.{one}" in str(error.value) for one in wrong)


def test_tuning_draws_texts_to_their_class_and_away_from_others(tmp_path: Path) -> None:
    encoder = FrozenEncoder(tiny_model(tmp_path / "model", layers=1), LENGTH, unit=True)
    module = PrototypeTuning(encoder.module, 2, 0.05)
    texts, targets = ["the lovely flight", "a kind crew", "the rude crew", "a late flight"], np.array([0, 0, 1, 1])
    features = encoder.features(texts)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    module.begin_from(features, targets)
    assert module.prototypes[1].detach().numpy() == pytest.approx(features[2:].mean(0), abs=1e-6)
    batch = TokenCollator(0)([TokenizedRows(encoder.tokenizer, texts, targets.tolist(), LENGTH)[row] for row in range(4)])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    before = module(batch)
    for _ in range(20):
        optimizer.zero_grad()
        module.loss(module(batch) / module.temperature, batch["labels"]).backward()
        optimizer.step()
    own, other = (module(batch) - before).gather(1, torch.stack([batch["labels"], 1 - batch["labels"]], 1)).mean(0)
    assert own > other
