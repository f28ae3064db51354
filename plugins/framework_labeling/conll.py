"""The format of CoNLL files: a row for each sentence, with its tokens and tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

from framework import Block, Claim, Format, ReadOptions, Row, Say, Sniffed, Sure
from framework_labeling import TASK
from framework_labeling.formats import COLUMNS, looks_like_conll, parse_conll

TEXT = (".txt", ".tsv")  # suffixes of files that may be CoNLL too


class Conll(Format):
    """CoNLL files; the line of a row is that of the sentence's first token."""

    name: ClassVar[str] = "conll"
    suffixes: ClassVar[tuple[str, ...]] = (".conll", ".conllu", ".iob", ".iob2", ".bio")
    tasks: ClassVar[tuple[str, ...]] = (TASK,)

    def claims(self, file: Sniffed) -> Claim | None:
        """A claim by suffix. For a file with another suffix, a claim where the first lines look like CoNLL: certain for the
        suffixes in `TEXT`, else possible.
        """
        if file.suffix not in self.suffixes and looks_like_conll(file.lines):
            sure = Sure.CERTAIN if file.suffix in TEXT else Sure.POSSIBLE
            return Claim(sure, "its first lines are tokens with tags, and empty ones")
        return super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row | Block]:
        with file.open_text() as stream:
            sentences = parse_conll(stream.read().removeprefix("\ufeff"), str(file.path)).sentences
        for sentence in sentences:
            cells = (list(sentence.tokens), list(sentence.tags))
            texts = (json.dumps(cell, ensure_ascii=False) for cell in cells)
            yield Row(sentence.line, dict(zip(COLUMNS, texts, strict=True)))
