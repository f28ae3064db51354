"""A fine-tuned classifier ships the head that it was trained with, or one that is fitted afterwards: validation decides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from safetensors.numpy import load_file

import framework
from framework import Section
from framework.run.search.record import read_record
from framework_classification import Classification
from framework_classification.blending import Blend, logits_of, over_standardised
from framework_classification.calibration import IMPOSSIBLE
from framework_classification.frozen import FrozenFit, fit
from framework_classification.regression import calibrated_loss
from tests.tiny import LENGTH, rows, tiny_encoder, write_csv


@pytest.fixture
def settings(tmp_path: Path, csv_file: Path, quick: None) -> list[str]:
    """Overrides of a training that learns nothing, so that a head fitted afterwards is better."""
    return [
        f"data.train={csv_file}",
        "candidates=[fine_tuned]",
        f"model.name={tiny_encoder(tmp_path / 'encoder')}",
        f"task.max_length={LENGTH}",
        "model.attention=eager",
        "model.probe=false",
        "model.learning_rate=1e-9",
        "trainer.max_steps=1",
        "trainer.enable_progress_bar=false",
        "tracker=none",
        "export=[quick]",
    ]


def test_a_head_that_is_fitted_afterwards_ships_where_it_is_better(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_classification import tuned_candidate

    monkeypatch.setattr(tuned_candidate, "LONGEST", 1000.0)  # one step leaves no time for reading the rows by the rule
    run = framework.run_recipe("sentiment", *settings, folder=tmp_path / "run")
    fitted = run / "trials" / "fine_tuned" / "fitted"
    manifest = json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))
    assert "fitted to the features after training" in str(manifest["model"]["details"]["head"])
    assert manifest["variants"]["quick"]["metrics"]["accuracy"] > 0.8  # of three classes, by features of a random encoder
    width = load_file(fitted / "head.safetensors")["weight"].shape[1]
    config = json.loads((fitted / "model" / "config.json").read_text("utf-8"))
    assert width == 2 * config["hidden_size"]  # the last layer's mean beside that of all layers
    assert framework.load(run).predict(["the lovely flight"])[0]["label"] in manifest["codec"]["settings"]["labels"]


def test_the_trained_head_ships_where_the_time_does_not_last_for_another(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_classification import tuned_candidate

    monkeypatch.setattr(tuned_candidate, "LONGEST", 0.0)
    run = framework.run_recipe("sentiment", *settings, folder=tmp_path / "run")
    assert (run / "trials" / "fine_tuned" / "fitted" / "model").is_dir()
    assert not (run / "trials" / "fine_tuned" / "fitted" / "head.safetensors").exists()
    assert "head" not in json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["model"]["details"]


def test_class_weights_keep_the_trained_head(tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from framework_classification import tuned_candidate

    monkeypatch.setattr(tuned_candidate, "LONGEST", 1000.0)
    run = framework.run_recipe("sentiment", *settings, "task.class_weights=true", folder=tmp_path / "run")
    assert not (run / "trials" / "fine_tuned" / "fitted" / "head.safetensors").exists()


def test_a_repeated_training_reads_as_many_rows_as_the_first(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_classification import tuned_candidate

    monkeypatch.setattr(tuned_candidate, "LONGEST", 1000.0)
    first = framework.run_recipe("sentiment", *settings, folder=tmp_path / "first")
    monkeypatch.setattr(tuned_candidate, "LONGEST", 0.0)
    again = framework.run_recipe("sentiment", *settings, f"model.repeat={first}", folder=tmp_path / "again")
    heads = [load_file(run / "trials" / "fine_tuned" / "fitted" / "head.safetensors") for run in (first, again)]
    assert all((heads[0][name] == heads[1][name]).all() for name in heads[0])


def test_the_first_head_is_fitted_to_features_that_the_frozen_candidate_has_read(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = [*settings, "model.probe=true", "candidates=[frozen,fine_tuned]"]
    first = framework.run_recipe("sentiment", *words, folder=tmp_path / "first")
    assert _plan(first)["head_from_cache"]
    assert _plan(first)["probe_accuracy"] > 0.5
    shutil.rmtree(tmp_path / "cache")
    repeated = [*settings, "model.probe=true", f"model.repeat={first / 'trials' / 'fine_tuned'}"]
    again = framework.run_recipe("sentiment", *repeated, folder=tmp_path / "again")
    networks = [load_file(run / "trials" / "fine_tuned" / "fitted" / "model" / "model.safetensors") for run in (first, again)]
    assert all((networks[0][name] == networks[1][name]).all() for name in networks[0])


def test_the_first_head_of_a_trial_is_fitted_to_the_same_features(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    onward = ["dropout=0.05", "label_smoothing=0.05", "word_dropout=0.05", "swaps=0.05", "typos=0.05"]
    begins_anew = [f"candidates.fine_tuned.{setting}" for setting in onward]  # what the recipe sets is not varied
    labels = sorted({label for _, label in rows()})
    wrong = [(text, label if i % 5 else labels[i // 5 % 3]) for i, (text, label) in enumerate(rows(240))]
    data = f"data.train={write_csv(tmp_path / 'wrong.csv', wrong)}"  # of which no fit answers all
    words = [*settings, data, "model.probe=true", "candidates=[frozen,fine_tuned]", *begins_anew, "search.trials=1"]
    run = framework.run_recipe("sentiment", *words, folder=tmp_path / "run")
    record = read_record(run / "trials" / "fine_tuned")
    assert record is not None
    assert [(trial.begin, trial.score is not None) for trial in record.trials] == [(None, True), (None, True)]
    plans = [json.loads((run / "trials" / "fine_tuned" / number / "plan.json").read_text("utf-8")) for number in "01"]
    assert [plan["head_from_cache"] for plan in plans] == [True, True]


def test_features_of_other_runs_and_of_later_candidates_change_no_first_head(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = [*settings, "model.probe=true"]
    turned = framework.run_recipe("sentiment", *words, "candidates=[fine_tuned,frozen]", folder=tmp_path / "turned")
    assert not _plan(turned)["head_from_cache"]
    alone = framework.run_recipe("sentiment", *words, folder=tmp_path / "alone")  # the cache has the features now
    assert not _plan(alone)["head_from_cache"]


def test_two_heads_are_averaged_into_one_each_with_a_temperature_of_its_own() -> None:
    random = np.random.default_rng(0)
    features, truth = random.normal(size=(400, 6)).astype(np.float32), random.integers(3, size=400)
    features[:, :3] += 2 * np.eye(3, dtype=np.float32)[truth]  # what the trained head sees
    features[:, 3:] += np.eye(3, dtype=np.float32)[truth]  # what only the regression sees
    mean, scale = features.mean(0), features.std(0)
    standardised = (features - mean) / scale
    too_sure = (9 * np.eye(3, dtype=np.float32), np.array([0.5, 0, 0], np.float32))
    regression = (np.concatenate([np.zeros((3, 3)), np.eye(3)], axis=1).astype(np.float32), np.zeros(3, np.float32))
    other = over_standardised(too_sure, mean, scale)
    logits = logits_of(too_sure, features[:, :3])
    np.testing.assert_allclose(logits_of(other, standardised), logits, rtol=1e-3, atol=1e-3)
    own = logits_of(regression, standardised)
    blend = Blend.of(other, standardised, own, truth)
    assert blend.temperatures[1] > 3 > blend.temperatures[0]
    both = blend.logits(own, standardised)
    np.testing.assert_allclose(logits_of(blend.with_head(regression), standardised), both, rtol=1e-3, atol=1e-3)
    assert calibrated_loss(both, truth) < min(calibrated_loss(own, truth), calibrated_loss(logits, truth))
    unknown = (regression[0], np.array([0, 0, IMPOSSIBLE], np.float32))  # a class of no training rows stays impossible
    assert (logits_of(blend.with_head(unknown), standardised)[:, 2] < IMPOSSIBLE / 2).all()
    assert (blend.logits(logits_of(unknown, standardised), standardised)[:, 2] < IMPOSSIBLE / 2).all()


@pytest.mark.parametrize("all_rows", [False, True])
def test_a_regression_beside_another_head_is_fitted_judged_and_shipped_as_their_mean(all_rows: bool) -> None:
    random = np.random.default_rng(1)
    targets = random.integers(3, size=300)
    noise = random.normal(size=(300, 8)).astype(np.float32)
    noise[:, :3] += np.eye(3, dtype=np.float32)[targets]
    encoder = SimpleNamespace(
        features=lambda texts: noise[[int(text) for text in texts]], unit=False, tuned=True, module=SimpleNamespace(width=8)
    )
    train, validation = (([str(i) for i in part], targets[part].tolist()) for part in (range(60), range(60, 300)))
    settings, shown = Classification(refuse_known=None), list[Section]()

    def fitted(beside: Any) -> FrozenFit:
        given = (cast(Any, encoder), train, validation, 3, settings, shown.append)
        return fit(*given, all_rows=all_rows, turns=0, beside=beside)

    alone, both = fitted(None), fitted((np.eye(3, dtype=np.float32), np.zeros(3, np.float32)))
    assert both.loss < alone.loss  # the regression saw few rows, and the other head is right
    assert (both.held_out is not None) == all_rows
    weights = [both.module.arrays()["weight"], *([both.held_out[0]] if both.held_out else [])]
    for weight in weights:
        assert np.abs(weight[:, :3]).mean() > 3 * np.abs(weight[:, 3:]).mean()  # as of the other head, which is 0 there


def _plan(run: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((run / "trials" / "fine_tuned" / "plan.json").read_text("utf-8"))
    return plan
