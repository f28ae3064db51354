"""Folders of fitted recommenders: what they give when they are opened, and by what number the best is found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from framework import CodecSpec, FitContext, InputError, Splits, write_fitted
from framework.contracts.evaluation import Evaluation
from framework.data.loading import load_splits
from framework.evaluation.judge import answers_to, judge
from framework.evaluation.opened import Opened
from framework.plugins import load_plugins
from framework.recipe.candidates import options_for
from framework.recipe.compose import compose_recipe
from framework.runtime.scheduler import Scheduler
from framework_recommendation.data import RecommendationData
from framework_recommendation.models import ALGORITHMS, SideInformation, Trained
from framework_recommendation.models.ranking import quality
from tests.tiny import recommends

NAMES = list(ALGORITHMS)


@dataclass(frozen=True)
class Case:
    """A small log, read once. folder: holds its files and a folder for each fit."""

    config: Any
    task: Any
    candidates: Any
    splits: Splits
    data: RecommendationData
    folder: Path

    def fit(self, name: str, output: Path, **options: Any) -> Opened:
        candidate = self.candidates[name]
        chosen = replace(options_for(self.config, candidate), **options)
        trainer = {"accelerator": "cpu", "precision": "32-true", "enable_progress_bar": False}
        output.mkdir()
        metric, show = self.task.metric(None), lambda section: None
        context = FitContext(self.data.options, chosen, metric, 0, output.with_name(name), output, show, trainer=trainer)
        candidate.fit(self.data, context)
        return Opened.of(candidate, output)

    def scheduler(self, opened: Opened) -> Scheduler:
        return Scheduler(opened.codec(), opened.judged_backend(), opened.graphs)

    def judged(self, opened: Opened) -> Evaluation:
        return judge(self.task, self.scheduler(opened), self.splits.validation)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("fitted")
    config = compose_recipe("recommendation", recommends(folder, ",".join(NAMES)))
    plugins = load_plugins()
    task = plugins.task("recommendation")
    options = task.options()
    splits = load_splits(config.data, task, 0, options)
    return Case(config, task, plugins.candidates_of(task.name), splits, task.prepare(splits, options), folder)


@pytest.fixture(scope="module")
def opened(case: Case) -> dict[str, Opened]:
    trained = ("bpr", "mult_vae", "sasrec", "hybrid")
    return {name: case.fit(name, case.folder / f"of-{name}", **({"epochs": 2} if name in trained else {})) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_the_same_answers_whenever_it_is_opened(name: str, case: Case, opened: dict[str, Opened]) -> None:
    again = Opened.of(case.candidates[name], opened[name].folder)
    answers, others = (answers_to(case.task, case.scheduler(one), case.splits.validation) for one in (opened[name], again))
    assert answers.responses == others.responses
    assert not answers.scores
    assert not list(opened[name].folder.rglob("*.ckpt"))


@pytest.mark.parametrize("name", NAMES)
def test_candidates_are_ranked_by_what_training_is_judged_by(name: str, case: Case, opened: dict[str, Opened]) -> None:
    """NDCG@10 over all items but those that a user has, by the codec's answers and by the network's scores."""
    fitted, codec = opened[name].fitted, opened[name].codec()
    network = fitted.graphs[0].source.network  # type: ignore[attr-defined]
    users = list(case.splits.validation.texts("user"))
    side = SideInformation(held_out_attributes=case.data.attributes(users))
    items = opened[name].judged_tables.get("items")
    trained = Trained(network, items, codec.max_history, uses_attributes=codec.uses_attributes)  # type: ignore[attr-defined]
    everybody = np.flatnonzero(case.data.held_out.relevant.lengths() > 0)
    assert len(everybody) == len(users)  # else the task counts misses of what nobody took in training, and training does not
    assert case.judged(opened[name]).metrics["ndcg@10"] == pytest.approx(
        quality(trained, case.data.held_out, 0, side), abs=1e-6
    )


def test_what_ease_learned_from_validation_users_is_not_judged_by_them(
    case: Case, opened: dict[str, Opened], tmp_path: Path
) -> None:
    """The table in place of that which ships is the one before it learned from them."""
    before = case.fit("ease", tmp_path / "before", all_rows=False)
    np.testing.assert_array_equal(opened["ease"].judged_tables["items"], before.fitted.tables["items"])
    assert not np.array_equal(opened["ease"].fitted.tables["items"], before.fitted.tables["items"])
    assert not before.fitted.held_out_tables
    ships = Scheduler(opened["ease"].codec(), opened["ease"].backend(), opened["ease"].graphs)
    learned = judge(case.task, ships, case.splits.validation).metrics["ndcg@10"]
    assert case.judged(opened["ease"]).metrics == case.judged(before).metrics
    assert learned > case.judged(before).metrics["ndcg@10"]  # it has seen the answers


@pytest.mark.parametrize("name", NAMES)
def test_what_reads_texts_takes_items_later(name: str, opened: dict[str, Opened]) -> None:
    assert [graph.name for graph in opened[name].graphs] == ["recommender", *(["item_text"] if name != "item_knn" else [])]


def test_texts_are_read_once_for_all_candidates(case: Case, opened: dict[str, Opened]) -> None:
    assert len(case.data.vectors) == 1
    vectors = {name: (one.resources / "item-texts.npy").read_bytes() for name, one in opened.items() if name != "item_knn"}
    assert len(set(vectors.values())) == 1


def test_a_held_out_table_is_like_the_table_of_its_name(tmp_path: Path) -> None:
    table = np.zeros((3, 2), np.float32)
    for held_out in ({"other": table}, {"items": table[:2]}, {"items": table.astype(np.float64)}):
        with pytest.raises(ValueError, match="is not like the table of its name"):
            write_fitted(tmp_path, CodecSpec("recommendation", {}), tables={"items": table}, held_out_tables=held_out)


def test_other_weights_of_the_encoder_are_refused(case: Case, opened: dict[str, Opened], tmp_path: Path) -> None:
    weights = case.folder / "encoder" / "model.safetensors"
    before = weights.read_bytes()
    try:
        changed = bytearray(before)
        changed[-1] ^= 1
        weights.write_bytes(bytes(changed))
        with pytest.raises(InputError, match="other weights than those that read the texts of items"):
            case.candidates["ease"].open(opened["ease"].folder)
    finally:
        weights.write_bytes(before)


def test_what_a_candidate_needs_it_refuses_to_go_without(case: Case) -> None:
    bare = replace(case.data, splits=replace(case.splits, tables={}))
    options = {name: options_for(case.config, candidate) for name, candidate in case.candidates.items()}
    refused = {name: one.refuses(bare, bare.options, options[name], {}) for name, one in case.candidates.items()}
    assert {name for name, reasons in refused.items() if reasons} == {"hybrid"}
    assert refused["hybrid"] == ["hybrid reads texts of items: give data.items=FILE with a title or a description"]
    options["ease"].encoder.name = str(case.folder / "log")
    assert "no tokenizer" in str(case.candidates["ease"].refuses(case.data, bare.options, options["ease"], {}))


def test_the_seed_decides_whatever_ran_before(case: Case, opened: dict[str, Opened], tmp_path: Path) -> None:
    """The seed decides, whatever ran before in the process."""
    torch.manual_seed(123)
    again = case.fit("sasrec", tmp_path / "again", epochs=2)
    assert (again.folder / "network.safetensors").read_bytes() == (opened["sasrec"].folder / "network.safetensors").read_bytes()
