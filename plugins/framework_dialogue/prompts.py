"""Rows of a prompt and a text, shaped into dialogues of one question and one answer. No torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from framework import Column, Table
from framework_dialogue.conversations import Options
from framework_dialogue.conversations import shape as shape_dialogues

COLUMNS = (
    Column("prompt", ("prompt", "instruction", "topic", "title", "keywords", "outline", "brief", "description"), "text"),
    Column("text", ("text", "completion", "output", "article", "copy", "code", "report", "content"), "text", target=True),
)


def shape(table: Table, options: Options, say: Callable[[str], None]) -> Table:
    """The rows as dialogues, see `conversations.shape`. A text that is a JSON list of sentences is joined."""
    columns = {"question": table.texts("prompt"), "answer": [_joined(text) for text in table.texts("text")]}
    return shape_dialogues(replace(table, columns=columns), options, say)


def _joined(text: str) -> str:
    if not text.startswith("["):
        return text
    try:
        sentences = json.loads(text)
    except ValueError:
        return text
    is_list = isinstance(sentences, list) and all(isinstance(sentence, str) for sentence in sentences)
    return " ".join(sentences) if is_list else text
