"""Samples/s of fine-tuning the packaged MiniLM on the packaged tweets: Hugging Face's Trainer against this framework.

    python benchmarks/training_speed.py --rows 1600 --rounds 2

On the CPU: the same rows and weights, batches of 32, at most 128 tokens, dropout of 0.1, gradients clipped to 1.0, one epoch.
Only the training loop is timed: no loading, probed head, evaluation or checkpoint; each fit follows a short one of its kind.
Needs accelerate. The Trainer runs with its defaults and at its best, with each implementation of attention.
--dropout and --freeze add this framework with that setting, which shows what it saves; --data takes other rows:

    python benchmarks/training_speed.py --dropout 0 --freeze embeddings
    python benchmarks/training_speed.py --data reviews.csv
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
import transformers
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.machine import heading
from benchmarks.recipe import EncoderFit, encoder_fit, encoder_options
from framework import FrameworkError, Section, read_fitted
from framework.report.console import as_text
from framework.run.readiness import trainer_arguments
from framework.training.trainer import best_precision
from framework_text import backbones
from framework_text.attention import IMPLEMENTATIONS
from framework_text.options import FineTuning
from framework_text.training_plan import batch_size, learning_rate

OURS = "(c) this framework"
WARM_UP = 3  # steps of the fit before each timed one
RECIPE = ("data.validation_fraction=0.002", "data.test_fraction=0.002", "trainer.accelerator=cpu", "trainer.max_epochs=1",
          "trainer.gradient_clip_val=1.0", "trainer.limit_val_batches=0", "trainer.enable_checkpointing=false",
          "trainer.enable_progress_bar=false", "model.batch_size=32", "model.probe=false", "task.max_length=128")  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """A timed training loop."""

    seconds: float
    """Wall time."""
    steps: int
    """Optimizer steps."""


@dataclass
class TrainingContestant:
    """One way to fine-tune, and its timings."""

    name: str
    precision: str
    batches: str
    """How rows are batched."""
    fit: Callable[[int | None], Timing]
    """Trains from the pretrained weights, for an epoch or a number of steps."""
    timings: list[Timing] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1600, help="training rows of one timed fit (default 1600)")
    parser.add_argument("--rounds", type=int, default=2, help="timed fits of each contestant, taking turns (default 2)")
    parser.add_argument("--dropout", metavar="SHARE", help="adds model.dropout=SHARE to the contestants")
    parser.add_argument("--freeze", metavar="WHAT", help="adds model.freeze=WHAT, embeddings or a number of layers")
    parser.add_argument("--data", metavar="FILE", help="labelled texts to learn from in place of the tweets")
    options = parser.parse_args()
    changes = [f"model.{name}={value}" for name in ("dropout", "freeze") if (value := getattr(options, name)) is not None]
    if find_spec("accelerate") is None:
        sys.exit("Hugging Face's Trainer needs accelerate: pip install accelerate")
    transformers.logging.set_verbosity_error()
    print(heading(), flush=True)
    settings = [f"data.limit_rows={options.rows}", *RECIPE, *([f"data.train={options.data}"] if options.data else [])]
    try:
        with tempfile.TemporaryDirectory() as folder, encoder_fit(Path(folder) / "run", *settings) as fit:
            everyone = contestants(fit, changes)
            take_turns(everyone, options.rounds)
    except FrameworkError as error:
        sys.exit(f"error: {error}")
    print(as_text(table(everyone, len(fit.data.splits.train))))


def contestants(fit: EncoderFit, changes: Sequence[str]) -> list[TrainingContestant]:
    """All contestants. changes: settings of the recipe, each of which adds a contestant."""
    bf16 = best_precision("cpu") == "bf16-mixed"
    grouped = {"train_sampling_strategy": "group_by_length", "bf16": bf16}
    best = "bf16" if bf16 else "fp32"
    return [
        TrainingContestant("(a) Trainer, defaults", "fp32", "random", partial(hugging_face, fit, {}, None)),
        *(
            TrainingContestant(
                f"(b) its best, {attention}", best, "group_by_length", partial(hugging_face, fit, grouped, attention)
            )
            for attention in IMPLEMENTATIONS
        ),
        TrainingContestant(OURS, best, "length buckets", partial(this_framework, fit, fit.options)),
        *(
            TrainingContestant(f"(c) with {change}", best, "length buckets", partial(this_framework, fit, options_with(change)))
            for change in changes
        ),
    ]


def options_with(change: str) -> FineTuning:
    return encoder_options(*RECIPE, change)


def take_turns(everyone: list[TrainingContestant], rounds: int) -> None:
    """A warm-up and a timed fit of each contestant in each round, in rotating order."""
    for number in range(rounds):
        first = number % len(everyone)
        for contestant in [*everyone[first:], *everyone[:first]]:
            contestant.fit(WARM_UP)
            contestant.timings.append(contestant.fit(None))
    steps = {timing.steps for contestant in everyone for timing in contestant.timings}
    if len(steps) > 1:
        raise FrameworkError(f"the contestants did not take the same number of steps: {sorted(steps)}")


def hugging_face(fit: EncoderFit, extra: dict[str, Any], attention: str | None, steps: int | None) -> Timing:
    """One epoch, or `steps`, of transformers' Trainer on the recipe's rows and backbone. attention: None is its default."""
    options, config, length = fit.options, fit.run.config, fit.task.max_length
    folder = backbones.fetch(options.backbone.chosen)
    tokenizer = backbones.load_tokenizer(folder, length)
    train = fit.data.splits.train
    encoded = tokenizer(list(train.texts("text")), truncation=True, max_length=length)
    targets = fit.data.targets(train)
    rows = [{name: values[i] for name, values in encoded.items()} | {"label": targets[i]} for i in range(len(targets))]
    network = backbones.load_model("AutoModelForSequenceClassification", folder, num_labels=len(fit.data.labels))
    network.set_attn_implementation(attention or "sdpa")
    batch = batch_size(options, len(train))
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            per_device_train_batch_size=batch,
            learning_rate=learning_rate(options, batch),
            max_grad_norm=config.trainer.gradient_clip_val,
            num_train_epochs=1,
            max_steps=steps or -1,
            seed=config.seed,
            use_cpu=True,
            dataloader_pin_memory=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **extra,
        )
        clock = TrainerClock()
        collator = DataCollatorWithPadding(tokenizer)
        trainer = Trainer(network, arguments, train_dataset=rows, data_collator=collator, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return Timing(clock.seconds, trainer.state.global_step)


def this_framework(fit: EncoderFit, options: FineTuning, steps: int | None) -> Timing:
    """One epoch, or `steps`, of the fit that the sentiment recipe runs."""
    clock = LightningClock()
    trainer = {**trainer_arguments(fit.run.config.trainer), "callbacks": [clock], "limit_train_batches": steps}
    folder = fit.fit(options=options, trainer=trainer, show=lambda section: None)
    training = read_fitted(folder).facts.training
    assert training is not None, "an encoder is trained"
    return Timing(clock.seconds, training.steps)


class TrainerClock(TrainerCallback):
    """Times transformers' training loop."""

    seconds = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.started = time.perf_counter()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self.started


class LightningClock(pl.Callback):
    """Times Lightning's training loop."""

    seconds = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.started


def table(everyone: list[TrainingContestant], rows: int) -> Section:
    """Medians over the rounds; a ratio is the median of the ratios within each round."""
    ours = next(contestant for contestant in everyone if contestant.name == OURS)

    def cells(contestant: TrainingContestant) -> tuple[str, ...]:
        speeds = [rows / timing.seconds for timing in contestant.timings]
        ratios = [theirs.seconds / own.seconds for theirs, own in zip(contestant.timings, ours.timings, strict=True)]
        each = " ".join(f"{speed:.1f}" for speed in speeds)
        return contestant.name, contestant.precision, contestant.batches, each, f"{median(speeds):.1f}", f"{median(ratios):.2f}"

    header = ("", "precision", "batches", "each round", "samples/s", "(c) is x times as fast")
    better = max(
        (other for other in everyone if other.name.startswith("(b)")),
        key=lambda other: -median(timing.seconds for timing in other.timings),
    )
    ahead = median(theirs.seconds / own.seconds for theirs, own in zip(better.timings, ours.timings, strict=True))
    goal = f"{ahead:.2f} times the better Trainer, {better.name[4:]}; the goal is 1.3 with bf16 in hardware, 1.2 without"
    note = f"{goal}. {rows:,} rows, {ours.timings[0].steps} steps a fit, {len(ours.timings)} rounds"
    return Section("Training MiniLM", header, [cells(contestant) for contestant in everyone], note)


if __name__ == "__main__":
    main()
