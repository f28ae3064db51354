"""What is wrong with a recipe for dialogues, found before anything is read or trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework import InputError
from framework_dialogue import Dialogue
from framework_dialogue.settings import settings_of, window
from framework_text import readiness
from framework_text.generation import validation
from framework_text.generation.options import Writing
from framework_text.generation.seq2seq_frame import described

NAMES = ("system", "user", "assistant", "none")


def problems(options: Dialogue, model: Writing) -> list[str]:
    read, written = (("task.max_context", options.max_context), ("task.max_answer", options.max_answer))
    found = validation.problems(model, read, written)
    if options.max_context < 8 or options.max_answer < 1:
        found.append(
            f"task.max_context={options.max_context} must be at least 8 tokens, task.max_answer={options.max_answer} at least 1"
        )
    if not isinstance(options.roles, dict | None):
        found.append(f"task.roles={options.roles}: write the names of speakers with their roles, {{advisor: assistant}}")
    else:
        found += [
            f"task.roles: {name} is {role!r}; write {', '.join(NAMES[:-1])} or {NAMES[-1]}"
            for name, role in (options.roles or {}).items()
            if role not in NAMES
        ]
    if options.temperature < 0 or not 0 < options.top_p <= 1 or options.repetition_penalty <= 0:
        found.append(
            f"task.temperature={options.temperature} must not be negative, task.top_p={options.top_p} lies above 0 and is at "
            f"most 1, task.repetition_penalty={options.repetition_penalty} is above 0"
        )
    return found


def ready(data: Any, options: Dialogue, model: Writing, trainer: Mapping[str, Any]) -> list[str]:
    """What would stop the fit before its first step."""
    problems = readiness.problems(model, trainer, options.max_context, "task.max_context=")
    if problems:
        return problems
    try:
        found = described(model, options.max_context, "task.max_context=")
        if found is not None:  # a GGUF file is converted by the first run
            window(settings_of(*found, options), found[1])
    except InputError as error:
        return list(error.problems)
    return []
