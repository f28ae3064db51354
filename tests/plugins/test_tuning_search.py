"""The search of fine-tuning: what it may vary works, and what it found is fitted again to the same metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

import framework
from framework import InputError, Metric, Splits, Table, read_fitted
from framework.__main__ import main
from framework.contracts.candidate import FitContext
from framework.run.search.record import read_record
from framework_classification import Classification, Multilabel
from framework_classification.candidates import FineTunedCandidate
from framework_classification.data import ClassificationData
from framework_classification.fine_tuned import MODEL
from framework_classification.multilabel.candidates import FineTunedLabels
from framework_classification.multilabel.data import LabelSetData
from framework_classification.multilabel.module import LabelsClassifier
from framework_text.augmentation import VariedRows, masked_ids, varied_text
from framework_text.encoder import EncodedRows, EncoderModule, new_network
from framework_text.options import Backbone, ClassifierTuning, FineTuning
from framework_text.search_space import fine_tuning_space, lengths
from framework_text.validation import fine_tuning_problems
from tests.plugins.test_labeling import small as tagger
from tests.plugins.test_labeling import tagged, write_conll
from tests.test_run import report
from tests.tiny import LENGTH, labelled_rows, rows, tiny_encoder, tiny_model

WEIGHTS = "model.safetensors"


class Plain(EncoderModule):
    """Its loss without training."""

    def losses(self) -> tuple[float, float]:
        logits, labels = torch.tensor([[4.0, 0.0, 0.0]]), torch.tensor([0])
        return float(self.train().loss_of(logits, labels)), float(self.eval().loss_of(logits, labels))


def test_labels_are_smoothed_in_training_alone() -> None:
    plain, smoothed = (Plain(nn.Linear(1, 1), FineTuning(label_smoothing=share)).losses() for share in (0.0, 0.2))
    assert plain[0] == plain[1] == smoothed[1]
    assert smoothed[0] > plain[0] + 0.1


def test_labels_are_smoothed_where_a_text_has_several() -> None:
    logits, labels = torch.tensor([[4.0, -4.0, -4.0]]), torch.tensor([[1, 0, 0]])
    smoothed = LabelsClassifier(nn.Linear(1, 1), 3, FineTuning(label_smoothing=0.2))
    learning, judged = (float(smoothed.train(mode).loss_of(logits, labels)) for mode in (True, False))
    assert learning > judged + 0.1


def test_lower_layers_learn_more_slowly(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = new_network(model_folder, "AutoModelForSequenceClassification", ["a", "b"])
    module = EncoderModule(network, FineTuning(layer_decay=0.5, learning_rate=1e-3))
    monkeypatch.setattr(EncoderModule, "adamw", lambda self, groups, rate, warmup: groups)
    groups: Any = module.configure_optimizers()
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert set(rates) == {id(parameter) for parameter in module.parameters()}
    embedding = rates[id(network.get_input_embeddings().weight)]
    first, last = (rates[id(layer.attention.self.query.weight)] for layer in network.bert.encoder.layer)
    assert (embedding, first, last, rates[id(network.classifier.weight)]) == (2.5e-4, 5e-4, 1e-3, 1e-3)


def test_words_are_left_out_swapped_and_misspelt() -> None:
    text, random = "one two three four five six seven eight", np.random.default_rng(0)
    fewer = varied_text(text, FineTuning(word_dropout=0.5), random).split()
    assert 0 < len(fewer) < 8
    assert fewer == [word for word in text.split() if word in fewer]
    swapped = varied_text(text, FineTuning(swaps=0.5), random).split()
    assert swapped != text.split()
    assert sorted(swapped) == sorted(text.split())
    misspelt = varied_text(text, FineTuning(typos=0.99), random).split()
    assert [sorted(word) for word in misspelt] == [sorted(word) for word in text.split()]
    assert misspelt != text.split()
    assert varied_text("one", FineTuning(word_dropout=0.99), random) == "one"
    assert varied_text(text, FineTuning(), random) == text
    assert set(masked_ids(np.arange(10), 0.99, 99, [0, 9], random).tolist()) >= {0, 9, 99}


def test_every_epoch_takes_other_variants_and_the_same_ones_when_it_is_resumed() -> None:
    plain, other = (EncodedRows([[start + i] for i in range(50)], [0] * 50, ["x"] * 50) for start in (0, 100))
    varied = VariedRows(plain, [other], seed=1)
    epochs = []
    for epoch in (0, 1, 2, 1):
        varied.epoch = lambda epoch=epoch: epoch  # type: ignore[misc]
        epochs.append([int(varied[i][0][0]) >= 100 for i in range(50)])
    assert not any(epochs[0])
    assert epochs[1] != epochs[2]
    assert epochs[1] == epochs[3]
    assert {*epochs[1]} == {True, False}
    assert set(varied.tokens.tolist()) == {*range(50), *range(100, 150)}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (FineTuning(epochs=0), "model.epochs=0 must be at least 1"),
        (FineTuning(layer_decay=0.0), "model.layer_decay=0.0 is a factor"),
        (FineTuning(label_smoothing=1.0), "model.label_smoothing=1.0 is a share"),
        (FineTuning(typos=-0.1), "model.typos=-0.1 is a share"),
    ],
)
def test_options_that_cannot_be_are_refused(options: FineTuning, problem: str, model_folder: Path) -> None:
    problems = fine_tuning_problems(replace(options, backbone=Backbone(name=str(model_folder))))
    assert [one for one in problems if problem in one]


def test_epochs_cannot_be_said_twice_and_tags_are_not_rewritten(small: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.epochs=2 and trainer: both say when training ends"):
        framework.run_recipe("sentiment", *small, "model.epochs=2", folder=tmp_path / "run")
    (tmp_path / "a.conll").write_text("a O\n\n")
    with pytest.raises(InputError, match=r"model\.swaps=0\.1 changes words, which have tags here"):
        framework.run_recipe(
            "entities", f"data.train={tmp_path}/a.conll", "candidates=[fine_tuned]", "model.swaps=0.1", folder=tmp_path / "b"
        )


def test_the_space_follows_from_rows_and_backbone(model_folder: Path) -> None:
    options, texts = FineTuning(Backbone(name=str(model_folder))), [text for text, _ in rows(200)]
    space = fine_tuning_space(options, texts, 3, {}, rewrites=True)
    rate, epochs = space.options["learning_rate"], space.options["epochs"]
    assert isinstance(rate, framework.Range)
    assert isinstance(epochs, framework.Range)
    assert rate.start is not None
    assert rate.low < rate.start < rate.high
    assert epochs.low < 10 < epochs.high
    fixed = fine_tuning_space(options, texts, 3, {"max_epochs": 3}, rewrites=False)
    assert not {"epochs", "swaps", "typos"} & fixed.options.keys()
    assert lengths(128, ["short"]) is None
    assert lengths(128, ["long " * 100]) == framework.Choice((128, 64))


def test_what_the_search_of_a_fine_tuning_found_is_replayed_to_the_same_metrics(tmp_path: Path, small: list[str]) -> None:
    pytest.importorskip("optuna")
    short = [*small, "trainer.max_epochs=1", "export=[quick]", "search.trials=1"]  # one epoch, and then one more
    run = framework.run_recipe("sentiment", *short, folder=tmp_path / "run")
    record = read_record(run / "trials" / "fine_tuned")
    assert record is not None
    assert [(trial.begin, trial.lost) for trial in record.trials] == [(None, ""), (0, "")]
    assert record.best == 1
    assert main(["replay", str(run), "--folder", str(tmp_path / "again")]) == 0
    assert report(tmp_path / "again")["metrics"] == report(run)["metrics"]


def test_a_tagger_is_continued_with_masked_tokens(tmp_path: Path, quick: None) -> None:
    pytest.importorskip("optuna")
    words = tagger(tmp_path, write_conll(tmp_path / "train.conll", tagged(120)))
    more = ["candidates=[fine_tuned]", "trainer.max_epochs=1", "candidates.fine_tuned.learning_rate=3e-3", "tracker=none"]
    masked = [
        "candidates.fine_tuned.word_dropout=0.2",
        "candidates.fine_tuned.probe=false",
        "export=[quick]",
        "search.trials=1",
    ]
    run = framework.run_recipe("entities", *words, *more, *masked, folder=tmp_path / "run")
    record = read_record(run / "trials" / "fine_tuned")
    assert record is not None
    assert [(trial.begin, trial.score is not None) for trial in record.trials] == [(None, True), (0, True)]


def fine_tuned(
    folder: Path, encoder: Path, rate: float, beside: Path | None = None, *, weights: bool = False, **options: Any
) -> Path:
    """The fitted folder of a training. rate: of learning. weights: whether classes weigh the same. options: further ones."""
    train, validation = (
        Table({"text": [text for text, _ in pairs], "label": [label for _, label in pairs]}, range(len(pairs)))
        for pairs in (rows(seed=0), rows(seed=1))
    )
    data = ClassificationData(Splits(train, validation, validation), labels=sorted({label for _, label in rows()}))
    options |= {"learning_rate": rate, "epochs": 4, "batch_size": 8, "attention": "eager", "probe": False, "minutes": None}
    fitted = folder / "fitted"
    fitted.mkdir(parents=True)
    quiet = {"enable_progress_bar": False}
    task, tuning = Classification(max_length=LENGTH, refuse_known=None, class_weights=weights), ClassifierTuning(**options)
    tuning.backbone = Backbone(name=str(encoder))
    context: FitContext[Classification, FineTuning]
    context = FitContext(task, tuning, Metric("accuracy"), 0, folder, fitted, print, trainer=quiet, beside=beside)
    FineTunedCandidate().fit(data, context)
    return fitted


def test_weights_are_averaged_with_those_of_the_best_where_the_mean_is_better(tmp_path: Path) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    good, bad = (fine_tuned(tmp_path / name, encoder, rate) for name, rate in (("good", 1e-2), ("bad", 1e-9)))
    kept = fine_tuned(tmp_path / "kept", encoder, 1e-2, beside=bad)
    assert read_fitted(kept).facts.networks == 1
    both = fine_tuned(tmp_path / "both", encoder, 1e-9, beside=good)
    three = fine_tuned(tmp_path / "three", encoder, 1e-9, beside=both)
    assert [read_fitted(folder).facts.networks for folder in (both, three)] == [2, 3]
    first, second, own, mean, later = (load_file(one / MODEL / WEIGHTS) for one in (good, bad, kept, both, three))
    for name, weights in first.items():
        np.testing.assert_array_equal(own[name], weights)
        np.testing.assert_allclose(mean[name], (weights + second[name]) / 2, atol=1e-6)
        np.testing.assert_allclose(later[name], (weights + 2 * second[name]) / 3, atol=1e-6)


def test_a_mean_is_repeated_to_the_last_bit_and_whatever_its_loss(tmp_path: Path) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    bad, good = (fine_tuned(tmp_path / name, encoder, rate) for name, rate in (("bad", 1e-9), ("good", 1e-2)))
    both = fine_tuned(tmp_path / "both", encoder, 1e-9, beside=good)
    again = fine_tuned(tmp_path / "again", encoder, 1e-9, beside=good, repeat=str(both.parent))
    first, repeated = (load_file(one / MODEL / WEIGHTS) for one in (both, again))
    assert all((first[name] == repeated[name]).all() for name in first)
    worse = fine_tuned(tmp_path / "worse", encoder, 1e-2, beside=bad, repeat=str(good.parent))
    assert [read_fitted(one).facts.networks for one in (both, again, worse)] == [2, 2, 2]


def test_what_cannot_or_should_not_be_averaged_is_not(tmp_path: Path) -> None:
    """Networks of other backbones or layers, and those that learned by other weights of the classes than the loss counts."""
    encoder = tiny_encoder(tmp_path / "encoder")
    good, short = (fine_tuned(tmp_path / f"{layers}", encoder, 1e-2, layers=layers) for layers in (None, [1]))
    other = fine_tuned(tmp_path / "other", tiny_model(tmp_path / "large", layers=3), 1e-2)
    besides: list[tuple[Path, bool]] = [(good, True), (short, False), (other, False)]
    for number, (beside, weights) in enumerate(besides):
        alone = fine_tuned(tmp_path / f"alone{number}", encoder, 1e-9, beside=beside, weights=weights)
        assert read_fitted(alone).facts.networks == 1


def test_networks_for_several_labels_are_averaged_by_their_calibrated_loss(tmp_path: Path) -> None:
    pairs = labelled_rows(200)
    train, validation = (
        Table({"text": [text for text, _ in part], "label": [labels for _, labels in part]}, range(len(part)))
        for part in (pairs[:120], pairs[120:])
    )
    data = LabelSetData(Splits(train, validation, validation), sorted({label for _, labels in pairs for label in labels}))
    folders = [tmp_path / name for name in ("good", "both")]
    for folder, rate, beside in zip(folders, (1e-2, 1e-9), (None, folders[0] / "fitted"), strict=True):
        tuning = FineTuning(Backbone(name=str(tiny_encoder(tmp_path / "encoder"))), epochs=4, batch_size=8, minutes=None)
        tuning = replace(tuning, learning_rate=rate, attention="eager", probe=False)
        (folder / "fitted").mkdir(parents=True)
        quiet, task, metric = {"enable_progress_bar": False}, Multilabel(max_length=LENGTH), Metric("micro_f1")
        context: FitContext[Multilabel, FineTuning]
        context = FitContext(task, tuning, metric, 0, folder, folder / "fitted", print, trainer=quiet, beside=beside)
        FineTunedLabels().fit(data, context)
    assert [read_fitted(folder / "fitted").facts.networks for folder in folders] == [1, 2]
