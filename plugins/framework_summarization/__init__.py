"""Summarization: a text in, what matters of it out, written by a fine-tuned model, decoder-only or encoder-decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from framework import AS_WRITTEN, Candidate, Column, Metric, Task, hookimpl
from framework_text.generation.options import Writing


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


WRITER = Candidate(
    "fine-tuned writer",
    fit="framework_summarization.writer:fit",
    options=Writing,
    check="framework_summarization.validation:problems",
    ready="framework_summarization.validation:ready",
    stateful=True,
)
BACKBONE = Candidate(
    "backbone before fine-tuning", fit="framework_summarization.writer:untuned", options=Writing, baseline=True
)
LEAD = Candidate("first sentence", fit="framework_summarization.baselines:first_sentence", baseline=True)
LEAD_3 = Candidate("first three sentences", fit="framework_summarization.baselines:first_three_sentences", baseline=True)


@hookimpl
def register_tasks(register: Callable[[Task], None]) -> None:
    register(
        Task(
            "summarization",
            options=Summarization,
            columns=(
                Column("text", ("text", "document", "article", "source", "content", "body", "abstract"), "text"),
                Column("summary", ("summary", "highlights", "target", "tldr", "headline", "title"), "text", target=True),
            ),
            metric=Metric("rouge_l"),
            loss="perplexity",
            inspect="framework_summarization.preview:inspect",
            scores=True,
            data="framework_summarization.data:prepare",
            evaluate="framework_summarization.evaluation:evaluate",
            codec="framework_summarization.codec:SummarizationCodec",
            candidates=(LEAD, LEAD_3, BACKBONE, WRITER),
        )
    )
