"""Previews a fit for the verb `check` without loading the model: tokens of a sample, memory and time. No torch."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from framework import Problem, Section, Text
from framework_text import backbones
from framework_text.choosing import choose
from framework_text.options import FineTuning
from framework_text.tokenizer import UNKNOWN, presentable, unknown_rate
from framework_text.training_plan import batch_size, epochs_of, learning_rate

SAMPLE = 5000  # training rows that are tokenized, at most
TRUNCATED = 0.05  # share of truncated rows above which it is a problem
TRAINING_PASSES = 3  # cost of a training step in forward passes: one, and two for the backward pass (Kaplan et al. 2020)
UTILIZATION = 0.6  # share of the speed of one large matrix product that training reaches on a CPU
ADAM = 16  # bytes of a trained weight: the weight, its gradient and two moments, in fp32
ACTIVATIONS = 34 * 4  # bytes that a layer stores for each token and unit of width (Korthikanti et al. 2022, in fp32)


def preview(
    texts: Sequence[str], classes: int, max_length: int, model: FineTuning, *, cuts: bool = True
) -> tuple[list[Section], list[Problem]]:
    """Sections and problems for the verb `check`. texts: of the training rows. cuts: whether `max_length` truncates them."""
    choice = choose(model.backbone, texts)
    folder = backbones.fetch(choice.backbone.chosen)
    tokenizer = tokenizer_of(folder, max_length)
    sample = [texts[i] for i in range(min(SAMPLE, len(texts)))]
    encoded = tokenizer.encode_batch(sample)
    lengths = np.array([len(entry.ids) for entry in encoded])
    rows = [(len(encoded[i].ids), *_shown(tokenizer, encoded[i])) for i in presentable(sample)]
    sections = [
        *choice.sections(),
        Section("Rows as the model sees them", ("tokens", "decoded", "one by one"), rows),
        _estimate(folder, np.minimum(lengths, max_length), len(texts), classes, model),
    ]
    return sections, _problems(tokenizer, encoded, lengths, max_length if cuts else int(lengths.max(initial=0)))


def _shown(tokenizer: Tokenizer, entry: Encoding) -> tuple[Text, Text]:
    return Text(tokenizer.decode(entry.ids, skip_special_tokens=False)), Text(" ".join(entry.tokens))


def tokenizer_of(folder: Path, max_length: int, setting: str = "task.max_length=") -> Tokenizer:
    """A backbone's tokenizer without padding and truncation. transformers is imported only where there is no tokenizer.json.

    setting: the key of the recipe, with its ``=``, that sets `max_length`. Raises InputError as `backbones.load_tokenizer`.
    """
    backbones.check_length(folder, max_length, setting)
    tokenizer = backbones.plain_tokenizer(folder)
    if tokenizer is None:
        tokenizer = Tokenizer.from_str(backbones.load_tokenizer(folder, max_length, setting).backend_tokenizer.to_str())
    else:
        tokenizer = backbones.without_placeholders(folder, tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _problems(tokenizer: Tokenizer, encoded: Sequence[Encoding], lengths: np.ndarray, max_length: int) -> list[Problem]:
    problems = []
    truncated = float((lengths > max_length).mean())
    if truncated > TRUNCATED:
        what = f"{truncated:.0%} of the texts are longer than {max_length} tokens; the longest has {lengths.max():,}"
        problems.append(
            Problem(what, f"they are cut at task.max_length={max_length}; a larger limit takes more time and memory")
        )
    marks = [mark for mark in ("[UNK]", "<unk>") if tokenizer.token_to_id(mark) is not None]
    unknown = tokenizer.token_to_id(marks[0]) if marks else None
    share = unknown_rate(np.fromiter(chain.from_iterable(entry.ids for entry in encoded), np.int32), unknown)
    if share > UNKNOWN:
        what = f"{share:.1%} of the tokens are unknown to this backbone's vocabulary: it may not know the language"
        problems.append(Problem(what, "model.name= chooses another, such as a multilingual one"))
    return problems


def _estimate(folder: Path, lengths: np.ndarray, rows: int, classes: int, model: FineTuning) -> Section:
    batch = batch_size(model, rows)
    epochs = epochs_of(model, rows, classes, batch, begun=False)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    width, layers = (
        config.get("hidden_size", config.get("dim", 768)),
        config.get("num_hidden_layers", config.get("n_layers", 12)),
    )
    weights = backbones.count_weights(folder)
    inner = max(weights - config.get("vocab_size", 0) * width, weights // 10)
    rate = _multiplications() * UTILIZATION / (TRAINING_PASSES * 2 * inner * float(lengths.mean()))
    memory = weights * ADAM + ACTIVATIONS * layers * width * batch * float(np.quantile(lengths, 0.99))
    minutes = epochs * rows / rate / 60
    planned = (
        f"{minutes:.1f} minutes for {epochs} epochs" if minutes >= 1 else f"{60 * minutes:.0f} seconds for {epochs} epochs"
    )
    if model.minutes is not None and minutes > model.minutes:
        planned += f"; cut to model.minutes={model.minutes:g}"
    lines = [
        ("weights", f"{weights / 1e6:.1f} million"),
        ("memory while training", f"about {memory / 1e9 + 0.7:.1f} GB"),
        ("rows a step, learning rate", f"{batch}, {learning_rate(model, batch):g}"),
        ("time of training on this CPU", planned),
    ]
    note = "From the backbone's size and one matrix product on this CPU, within a factor of two; a run measures it first."
    return Section("Estimate", ("", ""), lines, note)


def _multiplications(size: int = 1024) -> float:
    """Floating-point operations a second of a matrix product in fp32."""
    matrix = np.ones((size, size), np.float32)
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
