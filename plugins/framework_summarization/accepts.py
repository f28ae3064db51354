"""What is wrong with a recipe for summaries, found before anything is read or trained."""

from __future__ import annotations

from framework_summarization import Summarization
from framework_text.generation import accepts
from framework_text.generation.options import Writing


def problems(options: Summarization, model: Writing) -> list[str]:
    found = accepts.problems(model, options.max_text + options.max_summary)
    if options.max_summary < 1 or options.max_text < 1:
        found.append(f"task.max_text={options.max_text} and task.max_summary={options.max_summary} must be at least 1")
    return found
