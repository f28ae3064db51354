"""Which task a file is for: every task reads its first rows and says how sure it is that the file is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from framework.contracts.data.format import Claim
from framework.contracts.message import joined, message
from framework.contracts.section import Section
from framework.contracts.task import Head, described
from framework.data.columns import plain_name
from framework.data.joined import Columns, parts_of
from framework.data.labelled import Reader
from framework.data.sources import addresses
from framework.errors import FrameworkError, InputError
from framework.plugins import AnyTask, load_plugins

ROWS = 1000  # read of the file
COMBINATIONS = "label_combinations"
OF_ANY_TASK = ("train", "format", "encoding", "quote", "label_separator", COMBINATIONS)  # keys of `data:` about the file

Settings = Mapping[str, Any]  # of the `data:` section, by key, as a person gave them


@dataclass(frozen=True)
class Recognition:
    """A task that reads a file, and what it says."""

    task: AnyTask
    claim: Claim

    @property
    def recipe(self) -> str:
        assert self.task.recipe is not None
        return self.task.recipe

    def section(self, others: Sequence[Recognition]) -> Section:
        """For people: what the file was taken for, why, and what would change that. others: less sure of it."""
        why = message("taken for {task}: {why}", task=self.task.name, why=self.claim.why)
        instead = [
            message("recipe={recipe} would take it for {task}: {why}", recipe=one.recipe, task=one.task.name, why=one.claim.why)
            for one in others
        ]
        what = joined([why, *instead, message("recipe=NAME in place of recipe=auto chooses another task")])
        return Section(message("What the file is"), note=what)


def recognise(settings: Settings) -> list[Recognition]:
    """The tasks that read the training file, the surest first.

    Raises InputError where none does, with what each says of it, and where two are equally sure, with what chooses each.
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
    """reasons: why each task cannot read the file; where all say the same, the file itself is wrong."""
    if len(set(reasons.values())) == 1:
        return InputError(*set(reasons.values()))
    each = [f"{task}: {reason}" for task, reason in reasons.items()]
    return InputError(f"{file}: no task reads this file; recipe=NAME chooses one, and says what it needs", *each)


def _choice(one: Recognition) -> str:
    return f"recipe={one.recipe}: {one.task.name}, {one.claim.why}"


def _recognition(task: AnyTask, settings: Settings) -> Recognition:
    """Raises InputError where the task cannot read the file, or says that it is not its own."""
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
    claim = task.claims(Head(rows, reader.columns, _guessed(task, reader.columns, settings)))
    if claim is None:
        raise InputError(f"{described(reader.columns)}, and what stands there is something else")
    return Recognition(task, claim)


def _guessed(task: AnyTask, headers: Mapping[str, Columns], settings: Settings) -> set[str]:
    """Roles whose column neither its header nor the user names."""
    spellings = {column.role: set(map(plain_name, column.names)) for column in task.every_column}
    return {
        role
        for role, names in headers.items()
        if settings.get(role) is None and not any(plain_name(name) in spellings[role] for name in parts_of(names))
    }
