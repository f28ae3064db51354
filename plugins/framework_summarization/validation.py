"""Checks a recipe for summaries when the recipe is composed."""

from __future__ import annotations

from framework_summarization import Summarization

BEAMS = 16  # width of the beam search, at most


def task_problems(options: Summarization) -> list[str]:
    """Problems of the options of the task, whatever candidates compete."""
    problems = []
    if options.max_summary < 1 or options.max_text < 1:
        problems.append(f"task.max_text={options.max_text} and task.max_summary={options.max_summary} must be at least 1")
    if options.windows < 1:
        problems.append(f"task.windows={options.windows} must be at least 1, with which the end of longer texts is cut")
    if not 1 <= options.beams <= BEAMS:
        problems.append(f"task.beams={options.beams} must lie between 1 and {BEAMS}; 4 is usual, 1 is greedy")
    if options.repetition_penalty <= 0 or options.no_repeat_ngram < 0:
        problems.append(
            f"task.repetition_penalty={options.repetition_penalty} must be above 0, where 1 changes nothing, and "
            f"task.no_repeat_ngram={options.no_repeat_ngram} must not be negative, where 0 changes nothing"
        )
    return problems
