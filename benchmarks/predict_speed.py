"""Texts/s of one trained model: transformers' pipeline against the artifact's ONNX variants.

    python benchmarks/predict_speed.py runs/sentiment/latest --texts 10000

The pipeline reads the torch/ folder of the run that the artifact lies in. Contestants take turns on the same texts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

import framework
from benchmarks.machine import heading
from benchmarks.recipe import tweets
from framework import FrameworkError, Section
from framework.artifact.sealed import find_artifact
from framework.report.console import as_text
from framework.runtime.model import CHUNK
from framework_text.sentence import SentenceClassifier

Predict = Callable[[Sequence[str]], list[str]]  # texts -> labels

MAX_LENGTH = 128  # tokens, as in the recipe
BATCH = 32  # rows of a pipeline's batch
BLOCK = 50  # single requests in a row before another contestant's turn


@dataclass
class Contestant:
    """One way to classify texts, and its measurements."""

    name: str
    answer: Predict
    pipeline: bool
    """Whether it is transformers' pipeline."""
    turns: list[float] = field(default_factory=list)
    """Seconds of each turn."""
    labels: list[str] = field(default_factory=list)
    """Predictions of all turns."""

    @property
    def seconds(self) -> float:
        return sum(self.turns)

    def turn(self, texts: Sequence[str]) -> None:
        started = time.perf_counter()
        labels = self.answer(texts)
        self.turns.append(time.perf_counter() - started)
        self.labels += labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", metavar="RUN_OR_ARTIFACT", help="a run of the sentiment recipe, or its artifact")
    parser.add_argument("--texts", type=int, default=2000, help="texts answered in batches (default 2000)")
    parser.add_argument("--singles", type=int, default=300, help="texts answered one at a time (default 300)")
    parser.add_argument("--bf16", action="store_true", help="let the pipeline compete in bfloat16 too")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(heading(), flush=True)
    try:
        texts = tweets(max(options.texts, options.singles))
        batched, single = contestants(options.artifact, options.bf16)
    except FrameworkError as error:
        sys.exit(f"error: {error}")
    compete(batched, texts[: options.texts], CHUNK)
    compete(single, texts[: options.singles], BLOCK)
    print(as_text(table("In batches", batched, "best pipeline in batches")) + "\n", flush=True)
    print(as_text(table("One at a time", single, "best pipeline one at a time")))


def contestants(path: str, bf16: bool) -> tuple[list[Contestant], list[Contestant]]:
    """The contestants in batches, and those one text at a time."""
    pipelines = {"fp32": pipeline(path, torch.float32)} | ({"bf16": pipeline(path, torch.bfloat16)} if bf16 else {})
    models = {name: framework.load(path, name) for name in ("onnx", "onnx_int8")}
    batched, single = [], []
    for name, pipe in pipelines.items():
        batched += [
            Contestant(f"pipeline {name}, batch_size=1", by_pipeline(pipe, 1), True),
            Contestant(f"pipeline {name}, batch_size={BATCH}", by_pipeline(pipe, BATCH), True),
            Contestant(f"pipeline {name}, batch_size={BATCH}, sorted by length", sorted_first(by_pipeline(pipe, BATCH)), True),
        ]
        single.append(Contestant(f"pipeline {name}", one_by_one(by_pipeline(pipe, 1)), True))
    for name, model in models.items():
        batched.append(Contestant(f"framework {name}", by_model(model), False))
        single.append(Contestant(f"framework {name}", one_by_one(by_model(model)), False))
    return batched, single


def pipeline(path: str, dtype: torch.dtype) -> Any:
    """Transformers' pipeline over the torch/ folder of a run. Raises FrameworkError for an artifact outside its run."""
    folder = Path(find_artifact(path)).resolve().parent / "torch"
    if not folder.is_dir():
        how = "the run that made the artifact, of which the encoder shipped; with candidates=[fine_tuned] none else can"
        raise FrameworkError(f"no {folder}: the pipeline needs {how}")
    if json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"] == ["SentenceClassifier"]:
        model: Any = SentenceClassifier.saved(folder)
        model.eval().to(dtype)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    return transformers.pipeline("text-classification", model=str(folder), device="cpu", dtype=dtype)


def by_pipeline(pipe: Any, batch_size: int) -> Predict:
    return lambda texts: [
        answer["label"] for answer in pipe(list(texts), batch_size=batch_size, truncation=True, max_length=MAX_LENGTH)
    ]


def by_model(model: Any) -> Predict:
    return lambda texts: [response["label"] for response in model.predict(texts)]


def one_by_one(answer: Predict) -> Predict:
    return lambda texts: [label for text in texts for label in answer([text])]


def sorted_first(answer: Predict) -> Predict:
    """Answers the longest texts first, so that a batch has little padding, and restores the order."""

    def answer_sorted(texts: Sequence[str]) -> list[str]:
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        labels = dict(zip(order, answer([texts[i] for i in order]), strict=True))
        return [labels[i] for i in range(len(texts))]

    return answer_sorted


def compete(everyone: list[Contestant], texts: Sequence[str], block: int) -> None:
    """All contestants answer a block of texts, then the next, in rotating order. A short warm-up is not timed."""
    for contestant in everyone:
        contestant.answer(texts[:BATCH])
    for number, start in enumerate(range(0, len(texts), block)):
        first = number % len(everyone)
        for contestant in [*everyone[first:], *everyone[:first]]:
            contestant.turn(texts[start : start + block])


def table(title: str, everyone: list[Contestant], rival: str) -> Section:
    best = min((contestant for contestant in everyone if contestant.pipeline), key=lambda contestant: contestant.seconds)
    count = len(best.labels)

    def cells(contestant: Contestant) -> tuple[str, ...]:
        same = sum(own == other for own, other in zip(contestant.labels, everyone[0].labels, strict=True))
        speed, milliseconds = count / contestant.seconds, 1000 * contestant.seconds / count
        ratio = best.seconds / contestant.seconds
        return contestant.name, f"{speed:.1f}", f"{milliseconds:.2f}", f"{ratio:.2f}", f"{same / count:.1%}"

    header = ("", "texts/s", "ms a text", "times the best pipeline", "same label as the first row")
    note = f"{count:,} texts; {rival}: {best.name}"
    return Section(title, header, [cells(contestant) for contestant in everyone], note)


if __name__ == "__main__":
    main()
