"""Prompts and the texts that follow from them: dialogues of one question and one answer. No torch."""

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
    """As dialogues; of a text in sentences, as a JSON list holds them, the text they make."""
    columns = {"question": table.texts("prompt"), "answer": [_whole(text) for text in table.texts("text")]}
    return shape_dialogues(replace(table, columns=columns), options, say)


def _whole(text: str) -> str:
    if not text.startswith("["):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return " ".join(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else text
