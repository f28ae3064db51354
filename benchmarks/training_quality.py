"""Macro-F1 on test rows after equal training time: this framework against Hugging Face's Trainer with expert settings.

    python benchmarks/training_quality.py reviews.csv --minutes 1 --seeds 0 1 2
    python benchmarks/training_quality.py train.csv --test test.csv --text review --label stars

The expert: batches of 32 grouped by length, bf16 where the CPU has it, learning rate 1e-4, the backbone's own dropout, and a
linear decay over as many steps as fit into the time, measured beforehand. The expert's time is its training loop's; the
framework's also includes its measurements, the fitted head and validation. Both train on the same rows; the framework also uses
validation rows. Needs accelerate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

import numpy as np
import torch
import transformers
from sklearn.metrics import f1_score
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

from benchmarks.machine import heading
from benchmarks.recipe import EncoderFit, encoder_fit
from benchmarks.training_speed import TrainerClock
from framework import FrameworkError, LengthBucketSampler, Section
from framework.report.console import as_text
from framework.training.trainer import best_precision
from framework_classification.tuned_candidate import open_fitted
from framework_text import backbones
from framework_text.encoder import Batch, TokenizedRows
from framework_text.tokens import batches

EVALUATED = 64  # test rows of a batch
MEASURED = 30  # steps that are timed to plan the expert's schedule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="a file of texts and labels")
    parser.add_argument("--test", help="a file of test rows; default: a tenth of the first")
    parser.add_argument("--text", help="the text's column; default: found")
    parser.add_argument("--label", help="the label's column; default: found")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each training (default 1)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default 0 1 2")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", default=[], help="of the framework's recipe")
    options = parser.parse_intermixed_args()
    transformers.logging.set_verbosity_error()
    print(heading(), flush=True)
    named = {"train": options.train, "test": options.test, "text": options.text, "label": options.label}
    data = [f"data.{name}={value}" for name, value in named.items() if value]
    length = f"model.minutes={options.minutes}"
    pairs = []
    for seed in options.seeds:
        try:
            pairs.append(compare([*data, f"seed={seed}", length, *options.overrides], 60 * options.minutes))
        except FrameworkError as error:
            sys.exit(f"error: {error}")
        print(f"seed {seed}: {pairs[-1][0]:.4f} against {pairs[-1][1]:.4f}", flush=True)
    print(as_text(table(pairs, options.minutes)))


def compare(settings: list[str], seconds: float) -> tuple[float, float]:
    """Macro-F1 of this framework and of the expert, on the same rows. settings: overrides of the sentiment recipe."""
    quiet = ("trainer.enable_progress_bar=false", "data.limit_rows=null")
    with tempfile.TemporaryDirectory() as folder, encoder_fit(Path(folder) / "run", *quiet, *settings) as fit:
        return this_framework(fit), the_expert(fit, seconds)


def this_framework(fit: EncoderFit) -> float:
    (graph,) = open_fitted(fit.fit(show=show_plan)).graphs
    module: Any = graph.source
    return macro_f1(fit, lambda batch: module(batch["input_ids"], batch["attention_mask"])[0])  # features come next


def show_plan(section: Section) -> None:
    if section.note and "plan" in section.title:
        print(section.note, flush=True)


def the_expert(fit: EncoderFit, seconds: float) -> float:
    network = expert_network(fit, seconds)
    return macro_f1(fit, scores_of(network))


def scores_of(network: Any) -> Callable[[Batch], torch.Tensor]:
    """What a classifier of transformers computes of a batch: (rows, classes)."""
    return lambda batch: network(batch["input_ids"], batch["attention_mask"]).logits


def expert_network(fit: EncoderFit, seconds: float) -> Any:
    """The network that the expert trains in so many seconds, in eval mode."""
    rows = learned(fit)
    _, pace = train(fit, rows, MEASURED)
    network, _ = train(fit, rows, max(1, int(seconds / pace)))
    return network.eval()


def learned(fit: EncoderFit) -> list[dict[str, Any]]:
    """The training rows as transformers' Trainer takes them."""
    train = fit.data.splits.train
    rows = tokenize(fit, train.texts("text"), fit.data.targets(train))
    return [{"input_ids": rows[i][0].tolist(), "label": rows[i][1]} for i in range(len(rows))]


def train(fit: EncoderFit, rows: list[dict[str, Any]], steps: int) -> tuple[Any, float]:
    """The network after `steps` steps of transformers' Trainer, and seconds a step."""
    folder, seed = backbones.fetch(fit.backbone), fit.run.config.seed
    tokenizer = backbones.load_tokenizer(folder, fit.task.max_length)
    torch.manual_seed(seed)
    network = backbones.load_model("AutoModelForSequenceClassification", folder, num_labels=len(fit.data.labels))
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            per_device_train_batch_size=32,
            learning_rate=1e-4,
            warmup_steps=int(0.06 * steps),
            max_steps=steps,
            train_sampling_strategy="group_by_length",
            bf16=best_precision("cpu") == "bf16-mixed",
            seed=seed,
            use_cpu=True,
            dataloader_pin_memory=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        clock, collator = TrainerClock(), DataCollatorWithPadding(tokenizer)
        trainer = Trainer(network, arguments, train_dataset=rows, data_collator=collator, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return network, clock.seconds / steps


def tokenize(fit: EncoderFit, texts: Sequence[str], targets: Sequence[int] | None = None) -> TokenizedRows:
    length = fit.task.max_length
    tokenizer = backbones.load_tokenizer(backbones.fetch(fit.backbone), length)
    return TokenizedRows(tokenizer, texts, [0] * len(texts) if targets is None else targets, length)


def macro_f1(fit: EncoderFit, scores: Callable[[Batch], torch.Tensor]) -> float:
    """Macro-F1 on the test rows. scores: batch -> (rows, classes)."""
    likeliest = answers(tokenize(fit, fit.test.texts("text")), scores)
    return float(f1_score(fit.data.targets(fit.test), likeliest, average="macro"))


def answers(rows: TokenizedRows, scores: Callable[[Batch], torch.Tensor]) -> np.ndarray:
    """The number of the likeliest class of each row, (rows,). scores: as in `macro_f1`."""
    sampler = LengthBucketSampler(rows.lengths, EVALUATED, shuffle=False)
    likeliest = np.zeros(len(rows), np.int64)
    with torch.inference_mode():
        for numbers, batch in zip(sampler, batches(rows, sampler, 0), strict=True):
            likeliest[numbers] = scores(batch).argmax(-1).numpy()
    return likeliest


def table(pairs: list[tuple[float, float]], minutes: float) -> Section:
    names = ("this framework", "the expert's Trainer")
    columns = list(zip(*pairs, strict=True))
    rows = [
        (name, f"{mean(column):.4f}", f"{pstdev(column):.4f}", " ".join(f"{value:.4f}" for value in column))
        for name, column in zip(names, columns, strict=True)
    ]
    ahead = [ours - theirs for ours, theirs in pairs]
    note = f"{mean(ahead):+.4f} on average, {min(ahead):+.4f} to {max(ahead):+.4f} by seed, paired; {minutes:g} minutes each"
    return Section("Macro-F1 on test", ("", "mean", "spread", "each seed"), rows, note)


if __name__ == "__main__":
    main()
