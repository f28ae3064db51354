"""Checks a recipe for dialogues when the recipe is composed."""

from __future__ import annotations

from framework_dialogue import Dialogue

NAMES = ("system", "user", "assistant", "none")


def task_problems(options: Dialogue) -> list[str]:
    """Problems of the options of the task, whatever candidates compete."""
    problems = []
    if options.max_context < 8 or options.max_answer < 1:
        problems.append(
            f"task.max_context={options.max_context} must be at least 8 tokens, task.max_answer={options.max_answer} at least 1"
        )
    if not isinstance(options.roles, dict | None):
        problems.append(f"task.roles={options.roles}: write the names of speakers with their roles, {{advisor: assistant}}")
    else:
        problems += [
            f"task.roles: {name} is {role!r}; write {', '.join(NAMES[:-1])} or {NAMES[-1]}"
            for name, role in (options.roles or {}).items()
            if role not in NAMES
        ]
    if options.temperature < 0 or not 0 < options.top_p <= 1 or options.repetition_penalty <= 0:
        problems.append(
            f"task.temperature={options.temperature} must not be negative, task.top_p={options.top_p} lies above 0 and is at "
            f"most 1, task.repetition_penalty={options.repetition_penalty} is above 0"
        )
    return problems
