"""The codecs of labeling: text -> words -> windows of token ids -> probabilities of tags -> spans. No torch."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, Interface, Request, Response, Steps
from framework_labeling.alignment import Aligner, word_probabilities
from framework_labeling.baseline import Entry, look_up
from framework_labeling.decoding import allowed_transitions, decode, padding_tag
from framework_labeling.responses import Words, answer, flatten, interface, parse
from framework_labeling.schemes import BIO, PLAIN, Scheme, model_tags
from framework_text.tokenizer import read_tokenizer

VERSION = 1
TABLE = "most_frequent_tags.json"
ODD_TEXTS = ("", " ", "a", "?!", "word " * 2000, "x" * 3000, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")
ODD_TOKENS: tuple[list[str], ...] = ([], [""], ["New York", "\x00", "\u200d", "x" * 3000])


class TaggingCodec(ABC):
    """A base class of codecs whose responses hold a tag for each token."""

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        """settings: ``tags`` of the responses; ``plain``, whether every token has a tag of its own, otherwise the tags are BIO;
        ``scheme``, in which labelled rows write the tags.
        """
        self.tags: list[str] = list(settings["tags"])
        self.plain: bool = settings["plain"]
        self.scheme = Scheme(**settings["scheme"]) if "scheme" in settings else Scheme(PLAIN) if self.plain else BIO

    def parse(self, request: Any) -> Request:
        return parse(request)

    @abstractmethod
    def start(self, request: Request) -> Steps: ...

    def flatten(self, response: Response) -> dict[str, str]:
        return flatten(response)

    def interface(self) -> Interface:
        return interface(self.tags, self.plain)

    @staticmethod
    def odd_requests() -> list[Request]:
        return [*({"text": text} for text in ODD_TEXTS), *({"tokens": tokens} for tokens in ODD_TOKENS)]


class LabelingCodec(TaggingCodec):
    """Takes the probabilities of tags from the graph "labeler", with one call for each window of a text.

    settings: those of `TaggingCodec`, with ``tags`` in the order of the graph's output; ``max_length``, tokens of a window,
    special ones included, at most; ``overlap``, words that neighbouring windows share.
    """

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.aligner = Aligner.of(read_tokenizer(resources), settings["max_length"], settings["overlap"])
        self.begins, self.follows = allowed_transitions([] if self.plain else self.tags)
        self.padding = padding_tag(self.tags)

    def start(self, request: Request) -> Steps:
        words, parts = Words.of(request), []
        for window in self.aligner.windows(words.tokens):
            ids = np.asarray([window.ids], dtype=np.int64)
            outputs = yield Call("labeler", {"input_ids": ids, "attention_mask": np.ones(ids.shape, np.int64)})
            parts.append(word_probabilities(window, outputs["probabilities"][0], self.padding))
        probabilities = np.concatenate(parts)
        numbers = probabilities.argmax(1).tolist() if self.plain else decode(probabilities, self.begins, self.follows)
        confidence = probabilities[np.arange(len(numbers)), numbers].tolist()
        return answer(words, [self.tags[number] for number in numbers], confidence, self.plain)


class MostFrequentCodec(TaggingCodec):
    """Answers each token with its most frequent training tag, from the table that `write_table` wrote, without a graph.

    settings: those of `TaggingCodec`; ``unseen``, the tag of words without an entry, and its share.
    """

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.unseen: Entry = (settings["unseen"][0], settings["unseen"][1])
        self.table: dict[str, Entry] = json.loads((resources / TABLE).read_text(encoding="utf-8"))

    def start(self, request: Request) -> Steps:
        yield from ()
        words = Words.of(request)
        entries = [look_up(self.table, token, self.unseen) for token in words.tokens]
        tags = [tag for tag, _ in entries]
        if not self.plain:
            tags = model_tags(tags)
        return answer(words, tags, [share for _, share in entries], self.plain)


def write_table(table: Mapping[str, Entry], folder: Path) -> None:
    """Writes the table of `MostFrequentCodec` into `folder`, the codec's resources."""
    (folder / TABLE).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
