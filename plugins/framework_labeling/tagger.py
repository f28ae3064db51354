"""Saves and opens the tagger of frozen and fine-tuned candidates: a network over tokens, its tokenizer, and its graph."""

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

from framework import (
    Check,
    CodecSpec,
    Fitted,
    Graph,
    InputError,
    ModelFacts,
    Request,
    Tensor,
    message,
    read_fitted,
    write_fitted,
)
from framework_labeling import Labeling
from framework_labeling.alignment import IGNORED, Aligner, targets
from framework_labeling.codec import LabelingCodec
from framework_labeling.data import LabelingData
from framework_labeling.responses import Words
from framework_labeling.rows import Sentence
from framework_text.augmentation import masked_ids
from framework_text.encoder import EncodedRows, Examples, Probabilities, encoder_graph, open_network, save_network
from framework_text.tokenizer import write_tokenizer

KIND = "AutoModelForTokenClassification"
MODEL = "model"  # folder in the fitted folder with the network and its tokenizer, as transformers saves them
READING = "reading.json"  # file in the fitted folder with a `SavedTagger`


@dataclass(frozen=True)
class SavedTagger:
    """How the saved network is loaded and becomes a graph."""

    max_length: int
    """Tokens of a window, special ones included, at most."""
    pad: int
    """Token id of the padding."""


def save_tagger(output: Path, data: LabelingData, task: Labeling, network: Any, tokenizer: Any, facts: ModelFacts) -> None:
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
    saved = SavedTagger(task.max_length, tokenizer.pad_token_id or 0)
    (output / READING).write_text(json.dumps(asdict(saved)), encoding="utf-8")


def open_tagger(folder: Path) -> Fitted:
    """The tagger that `save_tagger` saved, with a graph that computes probabilities of tags."""
    fitted = read_fitted(folder)
    saved = SavedTagger(**json.loads((folder / READING).read_text(encoding="utf-8")))
    network, tokenizer = open_network(folder / MODEL, KIND, saved.max_length)
    codec = LabelingCodec(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        graphs=(graph(Probabilities(network).eval(), network.config, saved.max_length, saved.pad),),
        checks=(same_pieces(tokenizer, codec.aligner),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def graph(module: Probabilities, config: Any, max_length: int, pad: int) -> Graph:
    """The graph "labeler": token ids -> probabilities (batch, sequence, tags). pad: token id of the padding."""
    output = Tensor("probabilities", "float32", ("batch", "sequence", config.num_labels))
    return encoder_graph("labeler", module, output, config, max_length, pad)


def aligner_of(tokenizer: Any, task: Labeling) -> Aligner:
    """An aligner like the codec's. tokenizer: of transformers; a copy of its backend is changed."""
    return Aligner.of(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), task.max_length, task.overlap)


def examples_of(data: LabelingData, task: Labeling, tokenizer: Any, seed: int, word_dropout: float = 0.0) -> Examples:
    """Training and validation examples, one for each window of a row, with a target on the first token of each word.

    word_dropout: share of the tokens that are masked in varied rows; their targets stay.
    """
    aligner, numbers = aligner_of(tokenizer, task), {tag: number for number, tag in enumerate(data.tags)}
    windows = {name: _windows(aligner, data.sentences[name], numbers) for name in ("train", "validation")}
    train = windows["train"]
    mask = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id

    def varied(most: int, varied_by: int) -> EncodedRows:
        random = np.random.default_rng(varied_by)
        rows = _sample(train, most, seed)
        if mask is None:
            raise InputError("model.word_dropout: the backbone's vocabulary has neither a mask nor an unknown token; write 0")
        special = tokenizer.all_special_ids
        return _rows([(masked_ids(np.asarray(i), word_dropout, mask, special, random).tolist(), t, x) for i, t, x in rows])

    return Examples(
        classes=len(data.tags),
        rows=len(train),
        train=lambda most: _rows(_sample(train, most, seed)),
        validation=_rows(windows["validation"]),
        max_length=task.max_length,
        cuts=False,
        varied=varied,
    )


WindowExample = tuple[Sequence[int], Sequence[int], str]  # token ids, targets, text


def _windows(aligner: Aligner, sentences: Sequence[Sentence], numbers: dict[str, int]) -> list[WindowExample]:
    examples: list[WindowExample] = []
    for sentence in sentences:
        tags = [numbers.get(tag, IGNORED) for tag in sentence.tags]  # validation rows may have labels that training rows lack
        for window in aligner.windows(sentence.tokens):
            text = " ".join(sentence.tokens[window.first : window.last])
            examples.append((window.ids, targets(window, tags), text))
    return examples


def _sample(windows: Sequence[WindowExample], most: int, seed: int) -> Sequence[WindowExample]:
    """At most `most` of the examples, at random, in their order."""
    if most >= len(windows):
        return windows
    return [windows[i] for i in np.sort(np.random.default_rng(seed).permutation(len(windows))[:most]).tolist()]


def _rows(windows: Sequence[WindowExample]) -> EncodedRows:
    ids, labels, texts = zip(*windows, strict=True)
    return EncodedRows(ids, labels, texts)


def same_pieces(tokenizer: Any, aligner: Aligner) -> Check:
    """The check that the codec gives words the same token ids as transformers' tokenizer, on texts of a single window."""
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
