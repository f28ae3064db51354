"""Macro-F1 on test rows after as much time of training: this framework against Hugging Face's Trainer as an expert sets it.

    python benchmarks/training_quality.py reviews.csv --minutes 1 --seeds 0 1 2
    python benchmarks/training_quality.py train.csv --test test.csv --text review --label stars

The expert: batches of 32 grouped by length, bf16 where the CPU has it, learning rate 1e-4, the backbone's own dropout, a decay
that is linear and fitted to the time, which steps measured beforehand decide. Its time is that of its training loop; the
framework's also holds what it measures, its probed head, and its validation. Both learn from the same training rows, and the
framework chooses by validation rows that the expert does not need. Needs accelerate.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

import torch
import transformers
from sklearn.metrics import f1_score
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

from benchmarks.machine import heading
from benchmarks.recipe import sentiment
from benchmarks.training_speed import TrainerClock
from framework import FitContext, LengthBucketSampler, Section
from framework.plugins import resolve
from framework.recipe.validation import options_of
from framework.report.console import as_text
from framework.training.trainer import best_precision
from framework_text import backbones
from framework_text.encoder import TokenizedRows, batches

MEASURED = 30  # steps by which the expert fits the schedule to the time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="a file of texts and labels")
    parser.add_argument("--test", help="another; default: a tenth of the first")
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
    pairs = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            context = recipe_context(
                [*data, f"seed={seed}", f"model.minutes={options.minutes}", *options.overrides], Path(folder)
            )
            pairs.append((this_framework(context), the_expert(context, 60 * options.minutes)))
            print(f"seed {seed}: {pairs[-1][0]:.4f} against {pairs[-1][1]:.4f}", flush=True)
    print(as_text(table(pairs, options.minutes)))


def recipe_context(overrides: list[str], folder: Path) -> tuple[FitContext, Any]:
    """What the framework would fit the sentiment recipe with, and the test rows."""
    config, task, splits = sentiment("trainer.enable_progress_bar=false", "data.limit_rows=null", *overrides)
    options = options_of(config.task, task.options)
    data = resolve(task.data)(splits, options)
    context = FitContext(
        data=data,
        options=options,
        model=options_of(config.model, task.model.options),
        trainer=dict(config.trainer),
        metric=task.metric,
        seed=config.seed,
        folder=folder,
        show=lambda section: print(section.note, flush=True) if section.note and "plan" in section.title else None,
    )
    return context, splits.test


def this_framework(prepared: tuple[FitContext, Any]) -> float:
    context, test = prepared
    torch.manual_seed(context.seed)
    module = resolve("framework_classification.fine_tuned:fit")(context).graphs[0].module
    return macro_f1(context, test, lambda batch: module(batch["input_ids"], batch["attention_mask"]))


def the_expert(prepared: tuple[FitContext, Any], seconds: float) -> float:
    context, test = prepared
    train = context.data.splits.train
    rows = tokenized(context, train)
    learned = [{"input_ids": rows[i][0].tolist(), "label": rows[i][1]} for i in range(len(rows))]
    _, pace = trained(context, learned, MEASURED)
    network, _ = trained(context, learned, max(1, int(seconds / pace)))
    network.eval()
    return macro_f1(context, test, lambda batch: network(batch["input_ids"], batch["attention_mask"]).logits)


def trained(context: FitContext, rows: list[dict[str, Any]], steps: int) -> tuple[Any, float]:
    """The network after so many steps, and seconds a step."""
    folder = backbones.fetch(context.model.backbone)
    tokenizer = backbones.load_tokenizer(folder, context.options.max_length)
    torch.manual_seed(context.seed)
    network = backbones.load_model("AutoModelForSequenceClassification", folder, num_labels=len(context.data.labels))
    arguments = TrainingArguments(
        output_dir=str(context.folder / "hugging_face"),
        per_device_train_batch_size=32,
        learning_rate=1e-4,
        warmup_steps=int(0.06 * steps),
        max_steps=steps,
        train_sampling_strategy="group_by_length",
        bf16=best_precision("cpu") == "bf16-mixed",
        seed=context.seed,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    clock = TrainerClock()
    trainer = Trainer(
        network, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer), callbacks=[clock]
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return network, clock.seconds / steps


def tokenized(context: FitContext, table: Any) -> TokenizedRows:
    tokenizer = backbones.load_tokenizer(backbones.fetch(context.model.backbone), context.options.max_length)
    return TokenizedRows(tokenizer, table.columns["text"], context.data.targets(table), context.options.max_length)


def macro_f1(context: FitContext, test: Any, scores: Any) -> float:
    rows = tokenized(context, test)
    targets, answers = [], []
    with torch.inference_mode():
        for batch in batches(rows, LengthBucketSampler(rows.lengths, 64, shuffle=False), 0):
            targets += batch["labels"].tolist()
            answers += scores(batch).argmax(-1).tolist()
    return float(f1_score(targets, answers, average="macro"))


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
