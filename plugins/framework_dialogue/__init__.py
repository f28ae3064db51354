"""Dialogue: a conversation in, the assistant's next answer out, written by a fine-tuned language model. Generation: a prompt
in, a text out, by the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from framework import AS_WRITTEN, Candidate, Metric, Task, hookimpl
from framework_dialogue import prompts
from framework_dialogue.conversations import COLUMNS, SHAPED
from framework_text.generation.options import Writing


@dataclass
class Dialogue:
    """Options of `task: dialogue`."""

    max_context: int = 384  # tokens of a conversation that are read; the oldest turns are left out
    max_answer: int = 64  # tokens learned of an answer, and written unless a request says otherwise
    # what every conversation begins with, unless it has a system message of its own
    system: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    roles: Any = None  # more names of speakers in your data: {advisor: assistant, guest: user}
    temperature: float = 0.0  # of answers, unless a request says otherwise; 0 takes the likeliest token
    top_p: float = 1.0
    repetition_penalty: float = 1.0


@dataclass
class Generation(Dialogue):
    """Options of `task: generation`: those of dialogues, for longer answers to shorter prompts."""

    max_context: int = 192
    max_answer: int = 256


WRITER = Candidate(
    "fine-tuned writer",
    fit="framework_dialogue.writer:fit",
    options=Writing,
    check="framework_dialogue.validation:problems",
    ready="framework_dialogue.validation:ready",
    stateful=True,
)
BACKBONE = Candidate("backbone before fine-tuning", fit="framework_dialogue.writer:untuned", options=Writing, baseline=True)
RETRIEVAL = Candidate("nearest question's answer", fit="framework_dialogue.baselines:retrieval", baseline=True)


DIALOGUE = Task(
    "dialogue",
    options=Dialogue,
    columns=COLUMNS,
    shape="framework_dialogue.conversations:shape",
    shaped=SHAPED,
    judged="framework_dialogue.data:answers",
    metric=Metric("chrf"),
    loss="perplexity",
    inspect="framework_dialogue.preview:inspect",
    scores=True,
    data="framework_dialogue.data:prepare",
    evaluate="framework_dialogue.evaluation:evaluate",
    codec="framework_dialogue.codec:DialogueCodec",
    candidates=(RETRIEVAL, BACKBONE, WRITER),
)
GENERATION = replace(
    DIALOGUE,
    name="generation",
    options=Generation,
    columns=prompts.COLUMNS,
    shape="framework_dialogue.prompts:shape",
    metric=Metric("rouge_l"),
)


@hookimpl
def register_tasks(register: Callable[[Task], None]) -> None:
    register(DIALOGUE)
    register(GENERATION)
