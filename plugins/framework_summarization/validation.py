"""What is wrong with a recipe for summaries, found before anything is read or trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework import InputError
from framework_summarization import Summarization
from framework_summarization.settings import settings_of, window
from framework_text import readiness
from framework_text.generation import validation
from framework_text.generation.options import Writing
from framework_text.generation.seq2seq_frame import described

BEAMS = 16


def problems(options: Summarization, model: Writing) -> list[str]:
    read, written = (("task.max_text", options.max_text), ("task.max_summary", options.max_summary))
    found = validation.problems(model, read, written)
    if options.max_summary < 1 or options.max_text < 1:
        found.append(f"task.max_text={options.max_text} and task.max_summary={options.max_summary} must be at least 1")
    if options.windows < 1:
        found.append(f"task.windows={options.windows} must be at least 1, with which the end of longer texts is cut")
    if not 1 <= options.beams <= BEAMS:
        found.append(f"task.beams={options.beams} must lie between 1 and {BEAMS}; 4 is usual, 1 is greedy")
    if options.repetition_penalty <= 0 or options.no_repeat_ngram < 0:
        found.append(
            f"task.repetition_penalty={options.repetition_penalty} must be above 0, where 1 changes nothing, and "
            f"task.no_repeat_ngram={options.no_repeat_ngram} must not be negative, where 0 changes nothing"
        )
    return found


def ready(data: Any, options: Summarization, model: Writing, trainer: Mapping[str, Any]) -> list[str]:
    """What would stop the fit before its first step."""
    problems = readiness.problems(model, trainer, options.max_text, "task.max_text=")
    if problems:
        return problems
    try:
        found = described(model, options.max_text, "task.max_text=")
        if found is not None:  # a GGUF file is converted by the first run
            window(settings_of(*found, options), found[1])
    except InputError as error:
        return list(error.problems)
    return []
