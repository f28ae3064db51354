"""The library for text plugins: the training plan, smaller backbones, sentence encoders, the probed head."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from pytorch_lightning.callbacks import Callback

import framework
from framework import Budget, InputError, read_shares
from framework_text import backbones
from framework_text.attention import fastest_attention
from framework_text.dropout import set_dropout
from framework_text.options import FineTuning
from framework_text.probe import fit_head
from framework_text.sentence import SentenceClassifier, pools_by_mean
from framework_text.shaping import freeze, keep_layers
from framework_text.throughput import learning_pace
from framework_text.training_plan import Plan, batch_size, learning_rate, limited, load_plan, save_plan, wanted_epochs, within
from framework_text.vocabulary import learning_occurring_tokens
from tests.test_run import TRIAL, largest_difference
from tests.tiny import tiny_model

POOLING = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


def classifier(folder: Path) -> Any:
    return backbones.load_model("AutoModelForSequenceClassification", folder, num_labels=3)


@pytest.fixture
def sentence_encoder(tmp_path: Path) -> Path:
    folder = tiny_model(tmp_path / "sentence")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(POOLING))
    return folder


def test_more_classes_and_fewer_rows_take_more_epochs() -> None:
    assert wanted_epochs(28_000, 3, 32) == 2
    assert 4 <= wanted_epochs(10_000, 77, 32) <= 8
    assert wanted_epochs(200, 3, 16) == 10
    assert batch_size(FineTuning(), 500) < batch_size(FineTuning(), 10_000) < batch_size(FineTuning(), 1_000_000)
    assert learning_rate(FineTuning(learning_rate=3e-5), 64) == 3e-5


def test_a_plan_that_does_not_fit_is_ended_by_time_and_makes_no_more_rows_ready_than_can_be_learned() -> None:
    plan = Plan(rows=10_000, epochs=4, batch_size=32, learning_rate=1e-4, why=[])
    enough, short = (within(plan, minutes, {"eager": 100}, 1000) for minutes in (10, 4))
    assert (enough.rows, enough.seconds, enough.epochs) == (10_000, 600, 4)
    assert "training ends after" not in " ".join(enough.why)
    assert (short.rows, short.seconds) == (10_000, 240)
    assert "about 2.4 epochs, with the learning rate at 0" in " ".join(short.why)
    assert within(replace(plan, rows=1_000_000), 5, {"eager": 100}, 5000).rows == 45_000
    assert within(replace(plan, rows=50), 0.001, {"eager": 1}, 50).rows == 1


def test_the_shorter_of_budget_and_minutes_ends_a_plan() -> None:
    plan = Plan(rows=10_000, epochs=4, batch_size=32, learning_rate=1e-4, why=[])

    def why(minutes: float | None, seconds: float | None) -> str:
        context: Any = SimpleNamespace(options=FineTuning(minutes=minutes), budget=Budget(seconds))
        return " ".join(limited(plan, context, {"eager": 100}, 1000).why)

    assert "training ends after the 2.0 that the budget leaves" in why(None, 120)
    assert "training ends after the 2.0 that the budget leaves" in why(4, 120)
    assert "training ends after model.minutes=4" in why(4, 600)
    assert "training ends after model.minutes=4" in why(4, None)
    assert why(None, None) == ""


def test_the_pace_is_that_of_all_rows_also_where_a_few_are_much_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.random.default_rng(0).lognormal(3.0, 1.5, 400).astype(np.int32) + 1

    class Rows:
        def __init__(self) -> None:
            self.lengths = lengths

        def __getitem__(self, row: int) -> int:
            return int(lengths[row])

    def one_token_a_second(module: Any, batches: list[list[int]], context: Any) -> float:
        return sum(map(len, batches[1:])) / sum(map(sum, batches[1:]))

    monkeypatch.setattr("framework_text.throughput.rows_per_second", one_token_a_second)
    pace = learning_pace(None, Rows(), 4, list, None, timed=6)  # type: ignore[arg-type]
    assert pace == pytest.approx(1 / lengths.mean(), rel=1e-3)


class Slow(Callback):
    """A machine that becomes five times as slow in the middle of a training."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        time.sleep(0.1 if trainer.global_step > 30 else 0.02)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        ended = {"seconds": framework.Schedule.of(trainer).elapsed(), "rates": rates}
        (Path(trainer.default_root_dir) / "ended.json").write_text(json.dumps(ended))


def test_training_ends_in_the_stated_time_with_the_learning_rate_at_0_also_on_a_machine_that_slows_down(
    tmp_path: Path, small: list[str]
) -> None:
    plain = [setting for setting in small if not setting.startswith("trainer.max_epochs")]
    slow = "trainer.callbacks=[{_target_: tests.plugins.test_text.Slow}]"
    settings = [*plain, "model.minutes=0.1", slow, "trainer.log_every_n_steps=1", "export=[quick]"]
    folder = framework.run_recipe("sentiment", *settings, folder=tmp_path / "run")
    ended = json.loads((folder / TRIAL / "ended.json").read_text("utf-8"))
    assert ended["seconds"] == pytest.approx(6.0, rel=0.05)
    assert ended["rates"] == [0.0, 0.0]
    shares = read_shares(folder / TRIAL)
    assert shares == sorted(shares)
    assert 40 < len(shares) < 24 * 10  # as many steps as fit, not those of the ten epochs that the data asks for


def test_a_training_that_time_ended_is_repeated_to_the_last_bit(tmp_path: Path, small: list[str]) -> None:
    plain = [setting for setting in small if not setting.startswith("trainer.max_epochs")]
    first = framework.run_recipe("sentiment", *plain, "model.minutes=0.03", "export=[quick]", folder=tmp_path / "first")
    (again,) = re.findall("to repeat them exactly: (.*)", (first / "run.log").read_text("utf-8"))
    second = framework.run_recipe("sentiment", *plain, again, "export=[quick]", folder=tmp_path / "second")
    ours, theirs = (safetensors.torch.load_file(run / "torch" / "model.safetensors") for run in (first, second))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert read_shares(first / TRIAL) == read_shares(second / TRIAL)


def test_repeating_a_run_that_is_none_is_refused(tmp_path: Path, small: list[str]) -> None:
    with pytest.raises(InputError, match="write the folder of a run whose training ended"):
        framework.run_recipe("sentiment", *small, f"model.repeat={tmp_path}", folder=tmp_path / "run")


def test_a_run_entered_again_keeps_its_plan(tmp_path: Path) -> None:
    context: Any = SimpleNamespace(folder=tmp_path, resume=None, options=FineTuning())
    assert load_plan(context) is None
    plan = save_plan(Plan(rows=5, epochs=2, batch_size=8, learning_rate=1e-4, why=["because"]), tmp_path)
    assert load_plan(context) == plan  # also where no checkpoint was written yet


@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert", "albert"])
def test_fewer_layers_still_run(tmp_path: Path, family: str) -> None:
    network = classifier(tiny_model(tmp_path / family, family)).eval()
    assert keep_layers(network, 1) == [1]
    assert network.config.num_hidden_layers == 1
    ids = torch.tensor([[2, 5, 6, 3]])
    assert network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (1, 3)


def test_layers_are_chosen_by_number_or_by_name_and_no_others(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "bert")
    first, last = (classifier(folder) for _ in range(2))
    kept = first.bert.encoder.layer[0].output.dense.weight.clone()
    assert keep_layers(first, [0]) == [0]
    assert torch.equal(first.bert.encoder.layer[0].output.dense.weight, kept)
    for wrong in (3, [0, 5], [1, 0]):
        with pytest.raises(InputError, match="this backbone has 2 layers"):
            keep_layers(last, wrong)


def test_embeddings_of_tokens_that_do_not_occur_stay_as_they_were_and_the_others_learn(tmp_path: Path) -> None:
    network = classifier(tiny_model(tmp_path / "bert")).train()
    before = network.bert.embeddings.word_embeddings.weight.detach().clone()
    tokens = [np.array([2, 5, 6]), np.array([3, 6])]
    whole, ids = network.get_input_embeddings(), torch.tensor([[2, 5, 6, 3, 0]])
    expected = network.eval()(input_ids=ids).logits
    with learning_occurring_tokens(network, tokens, pad=0):
        assert torch.equal(network(input_ids=ids).logits, expected)
        assert len(network.get_input_embeddings().weight) == 5
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        network(input_ids=ids, labels=torch.tensor([1])).loss.backward()
        optimizer.step()
    assert network.get_input_embeddings() is whole
    changed = (whole.weight != before).any(1).nonzero().flatten().tolist()
    assert changed == [2, 3, 5, 6]  # padding learns nothing


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_leaves_as_many_activations_as_it_says_and_the_same_sum(rate: float) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.9))
    set_dropout(network, rate)
    dropout, activations = network[1].train(), torch.ones(200, 500, requires_grad=True)
    first, second = dropout(activations), dropout(activations)
    assert (first == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert first.mean().item() == pytest.approx(1, abs=0.02)
    assert ((first == 0) & (second == 0)).float().mean().item() == pytest.approx(rate**2, abs=0.01)
    first.sum().backward()
    assert activations.grad is not None
    assert torch.equal(activations.grad == 0, first == 0)
    assert torch.equal(dropout.eval()(activations), activations)


def test_attention_is_the_one_measured_as_faster_or_the_one_named(tmp_path: Path) -> None:
    network = classifier(tiny_model(tmp_path / "bert"))
    paces = {"eager": 100.0, "sdpa": 120.0}
    assert fastest_attention(network, None, lambda: paces[network.config._attn_implementation]) == ("sdpa", paces)
    assert network.config._attn_implementation == "sdpa"
    assert fastest_attention(network, "eager", lambda: 1.0) == ("eager", {"eager": 1.0})


def test_frozen_weights_do_not_learn(tmp_path: Path, model_folder: Path, small: list[str]) -> None:
    before = backbones.load_model("AutoModel", model_folder).embeddings.word_embeddings.weight
    folder = framework.run_recipe("sentiment", *small, "model.freeze=embeddings", "export=[quick]", folder=tmp_path / "run")
    after = backbones.load_model("AutoModel", folder / "torch").embeddings.word_embeddings.weight
    assert torch.equal(before, after)
    assert framework.load(folder).manifest.model.details["frozen parameters"]
    network = classifier(tiny_model(tmp_path / "bert"))
    assert freeze(network, 1) < freeze(network, 2)


@pytest.mark.parametrize(
    "setting", ["model.layers=none", "model.freeze=half", "model.minutes=0", "model.dropout=1", "model.attention=fast"]
)
def test_what_makes_no_sense_is_refused_when_the_recipe_is_composed(small: list[str], setting: str) -> None:
    from framework.recipe.compose import compose_recipe

    with pytest.raises(InputError, match=setting.partition("=")[0]):
        compose_recipe("sentiment", [*small, setting])


def test_a_sentence_encoder_is_read_by_its_mean_and_saved_for_transformers(sentence_encoder: Path, tmp_path: Path) -> None:
    assert pools_by_mean(sentence_encoder)
    network: Any = SentenceClassifier.over(sentence_encoder, num_labels=3)
    network.eval()
    ids = torch.tensor([[2, 5, 6, 3, 0, 0]])
    mask = (ids != 0).long()
    states = network.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    expected = network.head(states[:, :4].mean(1))
    assert torch.allclose(network(ids, mask).logits, expected, atol=1e-6)
    network.save_pretrained(tmp_path / "saved")
    again: Any = SentenceClassifier.saved(tmp_path / "saved")
    again.eval()
    assert torch.equal(again(ids, mask).logits, network(ids, mask).logits)
    encoder = backbones.load_model("AutoModel", tmp_path / "saved")
    assert torch.equal(encoder.embeddings.word_embeddings.weight, network.base_model.embeddings.word_embeddings.weight)


def test_a_run_over_a_sentence_encoder_ends_in_an_equal_artifact(
    sentence_encoder: Path, tmp_path: Path, small: list[str]
) -> None:
    settings = [*small, f"model.name={sentence_encoder}", "export=[onnx,onnx_int8]"]
    folder = framework.run_recipe("sentiment", *settings, folder=tmp_path / "run")
    assert largest_difference(framework.load(folder).manifest) < 1e-4


class Fixed(torch.nn.Module):
    """A backbone whose features are the token ids themselves."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(8, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(input_ids.float())
        return logits


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_begins_where_the_features_already_tell_the_labels_apart(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=300)
    features = torch.from_numpy(random.integers(3, size=(300, 8)) + 9 * np.eye(8, dtype=int)[labels])
    batch = {"input_ids": features, "attention_mask": torch.ones_like(features), "labels": torch.from_numpy(labels)}
    network = Fixed(classes)
    assert (fit_head(network, classes, [batch]) or 0) > 0.95
    assert (network(features, features).argmax(-1) == batch["labels"]).float().mean() > 0.95


def test_a_head_over_features_that_say_nothing_stays_as_it_was() -> None:
    random = np.random.default_rng(0)
    batch = {name: torch.from_numpy(random.integers(3, size=size)) for name, size in (("input_ids", (300, 8)), ("labels", 300))}
    network = Fixed(3)
    before = network.head.weight.clone()
    assert fit_head(network, 3, [{**batch, "attention_mask": batch["input_ids"]}]) is None
    assert torch.equal(network.head.weight, before)
