"""Recognises the task that a file is for: every task reads the file's first rows and says how sure it is, `Task.claims`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from framework.contracts.data.format import Claim
from framework.contracts.message import joined, message
from framework.contracts.section import Section
from framework.contracts.task import FileSample, described
from framework.data.columns import plain_name
from framework.data.joined import Columns, parts_of
from framework.data.labelled import Reader
from framework.data.sources import addresses
from framework.errors import FrameworkError, InputError
from framework.plugins import AnyTask, load_plugins

ROWS = 1000  # rows of the file that are read
COMBINATIONS = "label_combinations"
OF_ANY_TASK = ("train", "format", "encoding", "quote", "label_separator", COMBINATIONS)  # keys of `data:` about the file

Settings = Mapping[str, Any]  # of the `data:` section, by key, as the user gave them


@dataclass(frozen=True)
class Recognition:
    """A task that can read a file, and its claim to the file."""

    task: AnyTask
    claim: Claim

    @property
    def recipe(self) -> str:
        assert self.task.recipe is not None
        return self.task.recipe

    def section(self, others: Sequence[Recognition]) -> Section:
        """Says what the file was taken for, why, and how to choose another task. others: recognitions that are less sure."""
        why = message("taken for {task}: {why}", task=self.task.name, why=self.claim.why)
        instead = [
            message("recipe={recipe} would take it for {task}: {why}", recipe=one.recipe, task=one.task.name, why=one.claim.why)
            for one in others
        ]
        what = joined([why, *instead, message("recipe=NAME in place of recipe=auto chooses another task")])
        return Section(message("What the file is"), note=what)


def recognise(settings: Settings) -> list[Recognition]:
    """The tasks that read the training file, the surest first.

    Raises InputError where no task can read the file, with the reason of each task, and where two are the surest, with the
    override that chooses each.
    """
    file = addresses(settings["train"])[0]
    readable: list[Recognition] = []
    reasons: dict[str, str] = {}
    for task in [task for task in load_plugins().every_task() if task.recipe is not None]:
        try:
            readable.append(_recognition(task, {**settings, "train": file}))
        except InputError as error:
            reasons[task.name] = error.problems[0]
    if not readable:
        raise _unreadable(file, reasons)
    readable.sort(key=lambda one: -one.claim.sure)
    surest = [one for one in readable if one.claim.sure == readable[0].claim.sure]
    if len(surest) > 1:
        raise InputError(f"{file} can be read as {len(surest)} tasks; choose one", *map(_choice, surest))
    return readable


def _unreadable(file: str, reasons: Mapping[str, str]) -> InputError:
    """The error for a file that no task can read. reasons: by task; where all are the same, only that reason is reported."""
    if len(set(reasons.values())) == 1:
        return InputError(*set(reasons.values()))
    each = [f"{task}: {reason}" for task, reason in reasons.items()]
    return InputError(f"{file}: no task reads this file; recipe=NAME chooses one, and says what it needs", *each)


def _choice(one: Recognition) -> str:
    return f"recipe={one.recipe}: {one.task.name}, {one.claim.why}"


def _recognition(task: AnyTask, settings: Settings) -> Recognition:
    """The task with its claim to the training file. Raises InputError where it cannot read the file, or does not claim it."""
    roles = [column.role for column in task.every_column]
    strange = settings.keys() - {*OF_ANY_TASK, *roles, *(table.name for table in task.tables)}
    if strange:
        raise InputError(f"data.{min(strange)}= is no key of {task.name}")
    empty = dict.fromkeys((*OF_ANY_TASK, *roles))
    combines = getattr(settings.get(COMBINATIONS), "name", settings.get(COMBINATIONS)) == "keep"
    reader = Reader(SimpleNamespace(**{**empty, **settings}), task, None, None, combines=combines, most=ROWS)
    try:
        rows = reader.read("train")
    except InputError:
        raise
    except FrameworkError as error:
        raise InputError(str(error)) from error
    assert rows is not None
    if not len(rows):
        raise InputError("no usable row")
    claim = task.claims(FileSample(rows, reader.columns, _guessed(task, reader.columns, settings)))
    if claim is None:
        raise InputError(f"{described(reader.columns)}, and what stands there is something else")
    return Recognition(task, claim)


def _guessed(task: AnyTask, headers: Mapping[str, Columns], settings: Settings) -> set[str]:
    """Roles whose column was found by its values, because neither its header nor the user names the role."""
    spellings = {column.role: set(map(plain_name, column.names)) for column in task.every_column}
    return {
        role
        for role, names in headers.items()
        if settings.get(role) is None and not any(plain_name(name) in spellings[role] for name in parts_of(names))
    }
