"""What is wrong with a recipe for summaries, found before anything is read or trained."""

from __future__ import annotations

from framework_summarization import Summarization
from framework_text.generation import accepts
from framework_text.generation.options import Writing

BEAMS = 16


def problems(options: Summarization, model: Writing) -> list[str]:
    read, written = (("task.max_text", options.max_text), ("task.max_summary", options.max_summary))
    found = accepts.problems(model, read, written)
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
