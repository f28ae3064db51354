"""The tasks dialogue, from a conversation to the assistant's next answer, and generation, from a prompt to a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from framework import AS_WRITTEN, hookimpl

DIALOGUE, GENERATION = "dialogue", "generation"
CODEC, RETRIEVAL_CODEC = "dialogue", "dialogue_retrieval"
RETRIEVAL = "retrieval"  # name of the candidate


@dataclass
class Dialogue:
    """Options of `task: dialogue`."""

    max_context: int = 384  # tokens of a conversation that are read, at most; the oldest turns are left out
    max_answer: int = 64  # tokens of an answer, at most, in training and unless a request says otherwise
    # system message of conversations that have none
    system: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    roles: Any = None  # more names of speakers in your data: {advisor: assistant, guest: user}
    temperature: float = 0.0  # for sampling, unless a request says otherwise; 0 takes the most probable token
    top_p: float = 1.0
    repetition_penalty: float = 1.0


@dataclass
class Generation(Dialogue):
    """Options of `task: generation`: those of dialogues, for longer answers to shorter prompts."""

    max_context: int = 192
    max_answer: int = 256


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register(DIALOGUE, "framework_dialogue.task:DialogueTask")
    register(GENERATION, "framework_dialogue.task:GenerationTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    for task in (DIALOGUE, GENERATION):
        for name in ("RetrievalCandidate", "DialogueUntuned", "DialogueWriter"):
            register(task, f"framework_dialogue.candidates:{name}")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register(CODEC, "framework_dialogue.codec:DialogueCodec")
    register(RETRIEVAL_CODEC, "framework_dialogue.retrieval:RetrievalCodec")


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    register("chat", "framework_dialogue.surface:Chat")
