"""The task summarization: from a text to its summary, with decoder-only or encoder-decoder language models."""

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

    max_text: int = 512  # tokens of a window at most; longer training texts are truncated
    windows: int = 8  # windows of a text at most, each summarized by itself; 1: longer texts are truncated
    max_summary: int = 96  # tokens of a summary at most, in training and in answers
    # text before the input; None: "summarize:" for T5, nothing for others
    prefix: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    # text after the input; None: "\n\nSummary:", for encoder-decoder models nothing
    prompt: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    beams: int = 1  # width of the beam search; 1: greedy
    length_penalty: float = 1.0  # with several beams: above 0 favours long summaries, below 0 short ones
    repetition_penalty: float = 1.0  # above 1: earlier tokens become less likely
    no_repeat_ngram: int = 0  # no n-gram of this size occurs twice; 0: no such rule


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
