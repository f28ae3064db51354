"""Summarization: a text in, what matters of it out, written by a fine-tuned model, decoder-only or encoder-decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from framework import AS_WRITTEN, hookimpl

TASK = "summarization"
CODEC, LEAD_CODEC = "summarization", "summarization_lead"


@dataclass
class Summarization:
    """Options of `task: summarization`."""

    max_text: int = 512  # tokens that are read at once; of longer training texts the end is cut
    windows: int = 8  # of so many tokens, each summarized by itself, at most; 1: of every longer text the end is cut
    max_summary: int = 96  # tokens written, and learned, at most
    # stands before the text; None: "summarize:" for T5, nothing for others
    prefix: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    # stands behind the text; None: "\n\nSummary:", for encoder-decoder models nothing
    prompt: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    beams: int = 1  # summaries that grow side by side, of which the best is taken; 1: greedy
    length_penalty: float = 1.0  # of several beams: above 0 favours long summaries, below 0 short ones
    repetition_penalty: float = 1.0  # above 1: what was said is less likely
    no_repeat_ngram: int = 0  # so many tokens in a row are said once; 0: any number of times


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register(TASK, "framework_summarization.task:SummarizationTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    for name in ("FirstSentence", "FirstThreeSentences", "SummaryUntuned", "SummaryWriter"):
        register(TASK, f"framework_summarization.candidates:{name}")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register(CODEC, "framework_summarization.codec:SummarizationCodec")
    register(LEAD_CODEC, "framework_summarization.lead:LeadCodec")
