"""Adapters of generators: exact when merged, ranks where they matter; and training in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import framework
from framework import InputError
from framework.testing import TaskConformance
from framework_text.generation.adapters import adapted
from framework_text.generation.fitting import recomputing
from framework_text.generation.module import Writer
from framework_text.generation.options import Writing
from framework_text.generation.rows import PromptCollator, PromptedRows
from tests.plugins.test_generation import tiny as tiny_decoder
from tests.plugins.test_seq2seq import FAMILIES as SEQ2SEQ
from tests.plugins.test_seq2seq import tiny as tiny_seq2seq
from tests.plugins.test_summarization import small


def tiny(family: str) -> Any:
    model = tiny_seq2seq(family) if family in SEQ2SEQ else tiny_decoder(family)
    model.config.tie_word_embeddings = model.config.tie_word_embeddings and family not in SEQ2SEQ  # that head is its own
    return model


def some_rows(model: Any) -> dict[str, torch.Tensor]:
    rows = PromptedRows([[7, 5, 6, 7], [8, 9]], [[9, 10, 3], [11, 3]])
    return PromptCollator(0, apart=model.config.is_encoder_decoder)([rows[0], rows[1]])


@pytest.mark.parametrize("adapter", ["lora", "adalora"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3_text", "t5", "bart"])
def test_merged_adapters_compute_what_they_computed_beside_the_model(family: str, adapter: str) -> None:
    network = tiny(family)
    batch = some_rows(network)
    options = Writing(adapter=adapter, rank=4, alpha=32)
    before, _ = Writer(network, Writing(adapter="none"))(batch)
    model = adapted(network, options).eval()
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data.normal_(std=0.1)
    beside, _ = Writer(model, options)(batch)
    merged, _ = Writer(model.merge_and_unload(), Writing(adapter="none"))(batch)
    assert (beside - before).abs().max() > 0.1
    torch.testing.assert_close(merged, beside, atol=1e-4, rtol=1e-4)


def test_adalora_takes_rank_from_where_it_matters_least(tmp_path: Path) -> None:
    """7 matrices begin with a rank of 6; their mean is 4 in the end, and what is left is merged into the exported model."""
    given = [*small(tmp_path), "model.adapter=adalora", "model.rank=4", "trainer.max_epochs=2", "model.learning_rate=3e-3"]
    model = framework.load(framework.run_recipe("summarization", *given, folder=tmp_path / "run"))
    facts, parity = model.manifest.model, model.manifest.variants["onnx"].parity
    assert [facts.details[name] for name in ("adapter", "ranks begun", "ranks left")] == ["adalora", 42, 28]
    assert facts.training is not None
    assert facts.training.epochs == 2
    scores = model.manifest.evaluation.candidates
    assert scores["writer"]["perplexity"] < scores["untuned"]["perplexity"]
    assert parity is not None
    assert parity.rows >= 20


def test_ranks_cannot_fall_in_two_steps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="adalora needs at least 3 steps, this training has 2"):
        framework.run_recipe(
            "summarization", *small(tmp_path), "model.adapter=adalora", "trainer.max_steps=2", folder=tmp_path / "run"
        )


class _Adaptive(TaskConformance):
    recipe = "summarization"

    def overrides(self, folder: Path) -> list[str]:
        return [*small(folder), "model.adapter=adalora", "model.learning_rate=3e-3"]


def test_a_stopped_training_gives_rank_as_the_whole_one_does(tmp_path: Path) -> None:
    _Adaptive().test_interrupted_training_resumes_to_the_same_weights(tmp_path)


@pytest.mark.parametrize("adapter", ["lora", "none"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "t5", "bart"])
def test_checkpointing_keeps_less_and_learns_the_same(family: str, adapter: str) -> None:
    found = {}
    for less in (False, True):
        torch.manual_seed(0)
        model = adapted(tiny(family), Writing(adapter=adapter))
        if less:
            recomputing(model.get_base_model() if adapter == "lora" else model)
        writer, kept = Writer(model, Writing(adapter=adapter)).train(), [0]

        def keep(tensor: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept[0] += 0 if isinstance(tensor, torch.nn.Parameter) else tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = functional.cross_entropy(*writer(some_rows(model)))
        loss.backward()
        found[less] = kept[0], {name: one.grad for name, one in writer.named_parameters() if one.grad is not None}
    assert found[True][0] < 0.7 * found[False][0]
    assert len(found[True][1]) > 10
    torch.testing.assert_close(found[True][1], found[False][1])


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_learning_rate_falls_over_all_steps_also_where_gradients_are_accumulated(tmp_path: Path, accumulated: int) -> None:
    given = [f"trainer.accumulate_grad_batches={accumulated}", "trainer.max_epochs=2", "trainer.log_every_n_steps=1"]
    more = ["model.checkpointing=true", "model.warmup=0", "model.learning_rate=1e-3"]
    folder = framework.run_recipe("summarization", *small(tmp_path), *given, *more, folder=tmp_path / "run")
    facts = framework.load(folder).manifest.model
    assert facts.rows is not None
    assert facts.training is not None
    batches = -(-facts.rows // 4)
    assert facts.training.steps == 2 * -(-batches // accumulated)
    checkpoint = folder / "trials" / "writer" / "checkpoints" / "last.ckpt"
    (schedule,) = torch.load(checkpoint, weights_only=True)["lr_schedulers"]
    assert schedule["_last_lr"] == [0.0]
