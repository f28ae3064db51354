"""Fine-tuning of encoders as plugins use it: the head of docs/encoders.md, labels of texts and of tokens, and fitted heads."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from framework import FitContext, Metric
from framework_text.encoder import IGNORED, EncodedRows, Probing, TokenCollator, fit_head, fit_whole_head, open_network
from framework_text.options import Backbone, FineTuning
from tests.tiny import LENGTH, rows, tiny_model

PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"


def test_the_head_of_the_documentation_learns_and_opens_again(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(block.splitlines()) < 40
    names: dict[str, Any] = {}
    exec(block, names)
    texts, labels = zip(*rows(90), strict=True)
    known = sorted(set(labels))
    targets = [known.index(label) for label in labels]
    data = SimpleNamespace(
        labels=known,
        texts={"train": texts[:70], "validation": texts[70:]},
        targets={"train": targets[:70], "validation": targets[70:]},
    )
    (tmp_path / "output").mkdir()
    options = FineTuning(Backbone(name=str(tiny_model(tmp_path / "backbone"))), attention="eager", learning_rate=3e-3)
    trainer = {"max_epochs": 30, "enable_progress_bar": False}
    context = FitContext(None, options, Metric("accuracy"), 0, tmp_path, tmp_path / "output", print, trainer=trainer)
    learned = names["fit"](data, context)
    network, tokenizer = open_network(tmp_path / "output" / "model", names["KIND"], LENGTH)
    with torch.no_grad():
        answers = network(**tokenizer(list(texts[70:]), padding=True, return_tensors="pt")).logits.argmax(-1)
    assert (answers.numpy() == np.asarray(targets[70:])).mean() > 0.9
    assert learned.facts.backbone == options.backbone.name
    assert learned.facts.licence == "not stated (model.licence= records it)"


def test_rows_have_one_label_or_one_for_each_token() -> None:
    ids = [[2, 5, 6, 3], [2, 7, 3]]
    texts = TokenCollator(0)([EncodedRows(ids, [4, 1], ["", ""])[i] for i in range(2)])
    assert texts["labels"].tolist() == [4, 1]
    tokens = TokenCollator(0)(
        [EncodedRows(ids, [[IGNORED, 1, 0, IGNORED], [IGNORED, 2, IGNORED]], ["", ""])[i] for i in range(2)]
    )
    assert tokens["labels"].tolist() == [[IGNORED, 1, 0, IGNORED], [IGNORED, 2, IGNORED, IGNORED]]
    assert tokens["input_ids"].tolist() == [[2, 5, 6, 3], [2, 7, 3, 0]]
    assert tokens["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


class Tokenwise(nn.Module):
    """A head over states that are what goes in, of each token as many numbers as the head reads."""

    def __init__(self, classes: int, width: int = 4) -> None:
        super().__init__()
        self.states = nn.Embedding(width, width)
        with torch.no_grad():
            self.states.weight.copy_(torch.eye(width))
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.states(input_ids))
        return logits


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Each token's label is its id, up to 2; those of id 3 do not count, and label 3 never occurs."""
    ids = torch.from_numpy(np.random.default_rng(0).integers(4, size=(30, 8)))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.masked_fill(ids == 3, IGNORED)}


def test_a_head_over_tokens_is_fitted_to_the_labels_that_count(batch: dict[str, torch.Tensor]) -> None:
    network = Tokenwise(4)
    before = network.head.weight.clone()
    assert fit_head(network, 4, [batch]) is None  # a label never occurs
    assert torch.equal(network.head.weight, before)
    assert fit_head(network, 4, [batch], Probing(partial=True, most=100)) == 1.0
    answers = network(batch["input_ids"], batch["attention_mask"]).argmax(-1)
    counted = batch["labels"] != IGNORED
    assert torch.equal(answers[counted], batch["labels"][counted])
    assert 3 not in answers.tolist()[0]


def test_a_head_alone_is_fitted_without_asking_whether_it_is_worth_it(batch: dict[str, torch.Tensor]) -> None:
    network = Tokenwise(4)
    fit_whole_head(network, 4, [batch])
    counted = batch["labels"] != IGNORED
    assert torch.equal(network(batch["input_ids"], batch["attention_mask"]).argmax(-1)[counted], batch["labels"][counted])
    with pytest.raises(ValueError, match="does not have 5 outputs"):
        fit_whole_head(network, 5, [batch])


def test_a_head_that_is_fitted_to_cached_features_sees_every_label(
    batch: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework_text.encoder import learning

    monkeypatch.setattr(learning, "PROBED", 10)
    monkeypatch.setattr(learning, "PROBED_A_CLASS", 1)
    monkeypatch.setattr(learning, "PROBED_CACHED", 10)
    targets = np.array([0, 1] * 50 + [2])
    targets[57] = 3  # between the rows that are taken
    features = np.eye(4, dtype=np.float32)[targets] + 0.01
    head = nn.Linear(4, 4)
    network, before = nn.Sequential(nn.Identity(), head), head.weight.detach().clone()
    nothing = EncodedRows([], [], [])
    examples = learning.Examples(4, 101, lambda most: nothing, nothing, 8, features=lambda: (features, targets), cached=True)
    assert learning.probe(network, examples, 0, Probing(enough=0.0), cached=True) is not None
    assert not torch.equal(head.weight, before)
