"""The tagger that frozen and fine-tuned candidates leave: a network over tokens, its tokenizer, and the graph of both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoTokenizer

from framework import Check, CodecSpec, Fitted, Graph, ModelFacts, Request, Tensor, message, read_fitted, write_fitted
from framework_labeling import Labeling
from framework_labeling.alignment import IGNORED, Aligner, targets
from framework_labeling.codec import LabelingCodec
from framework_labeling.data import LabelingData
from framework_labeling.responses import Words
from framework_labeling.rows import Sentence
from framework_text.encoder import EncodedRows, Examples, Probabilities, encoder_graph, open_network, save_network
from framework_text.tokenizer import write_tokenizer

KIND = "AutoModelForTokenClassification"
MODEL = "model"  # in the folder that is filled: the network and its tokenizer, as transformers saves them
READING = "reading.json"


@dataclass(frozen=True)
class Reading:
    """How the saved network becomes a graph."""

    max_length: int
    pad: int


def leave_tagger(output: Path, data: LabelingData, task: Labeling, network: Any, tokenizer: Any, facts: ModelFacts) -> None:
    """Fills the folder that `open_tagger` opens."""
    settings = {
        "tags": data.tags,
        "plain": data.plain,
        "scheme": asdict(data.scheme),
        "max_length": task.max_length,
        "overlap": task.overlap,
    }
    resources = write_fitted(output, CodecSpec("labeling", settings), facts)
    write_tokenizer(tokenizer, None, resources)
    save_network(network, tokenizer, output / MODEL)
    reading = Reading(task.max_length, tokenizer.pad_token_id or 0)
    (output / READING).write_text(json.dumps(asdict(reading)), encoding="utf-8")


def open_tagger(folder: Path) -> Fitted:
    fitted = read_fitted(folder)
    reading = Reading(**json.loads((folder / READING).read_text(encoding="utf-8")))
    network, tokenizer = open_network(folder / MODEL, KIND, reading.max_length)
    codec = LabelingCodec(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        graphs=(graph(Probabilities(network).eval(), network.config, reading.max_length, reading.pad),),
        checks=(same_pieces(tokenizer, codec.aligner),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def graph(module: Probabilities, config: Any, max_length: int, pad: int) -> Graph:
    """Gives the probabilities of every token's tags."""
    output = Tensor("probabilities", "float32", ("batch", "sequence", config.num_labels))
    return encoder_graph("labeler", module, output, config, max_length, pad)


def aligner_of(tokenizer: Any, task: Labeling) -> Aligner:
    """What cuts texts into windows, the same as the codec's. tokenizer: of transformers, which stays as it is."""
    return Aligner.of(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), task.max_length, task.overlap)


def examples_of(data: LabelingData, task: Labeling, tokenizer: Any, seed: int) -> Examples:
    """A row for each window, with a tag on the first token of each word."""
    aligner, numbers = aligner_of(tokenizer, task), {tag: number for number, tag in enumerate(data.tags)}
    windows = {name: _windows(aligner, data.sentences[name], numbers) for name in ("train", "validation")}
    train = windows["train"]
    return Examples(
        classes=len(data.tags),
        rows=len(train),
        train=lambda most: _rows(_some(train, most, seed)),
        validation=_rows(windows["validation"]),
        max_length=task.max_length,
        cuts=False,
    )


Window = tuple[Sequence[int], Sequence[int], str]  # token ids, targets, the text


def _windows(aligner: Aligner, sentences: Sequence[Sentence], numbers: dict[str, int]) -> list[Window]:
    found: list[Window] = []
    for sentence in sentences:
        tags = [numbers.get(tag, IGNORED) for tag in sentence.tags]  # validation may have labels that training lacks
        for window in aligner.windows(sentence.tokens):
            text = " ".join(sentence.tokens[window.first : window.last])
            found.append((window.ids, targets(window, tags), text))
    return found


def _some(windows: Sequence[Window], most: int, seed: int) -> Sequence[Window]:
    """At most so many, at random, in their order."""
    if most >= len(windows):
        return windows
    return [windows[i] for i in np.sort(np.random.default_rng(seed).permutation(len(windows))[:most]).tolist()]


def _rows(windows: Sequence[Window]) -> EncodedRows:
    ids, labels, texts = zip(*windows, strict=True)
    return EncodedRows(ids, labels, texts)


def same_pieces(tokenizer: Any, aligner: Aligner) -> Check:
    """The check that texts of one window have the token ids that transformers' tokenizer gives their words."""
    reference = tokenizer
    if isinstance(tokenizer.backend_tokenizer.pre_tokenizer, ByteLevel):
        reference = AutoTokenizer.from_pretrained(tokenizer.name_or_path, add_prefix_space=True)

    def run(requests: Sequence[Request]) -> list[int]:
        wrong = []
        for number, request in enumerate(requests):
            words = Words.of(request).tokens
            expected = reference(words, is_split_into_words=True, verbose=False)["input_ids"]
            windows = aligner.windows(words)
            if len(windows) == 1 and len(expected) <= aligner.max_length and list(windows[0].ids) != list(expected):
                wrong.append(number)
        return wrong

    return Check(message("token ids of words equal transformers' tokenizer"), run)
