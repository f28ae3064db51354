"""Dialogues of every shape in one form: ``messages``, a list of ``{"role", "content"}``. No torch.

In it an instruction by ``system`` may come first, then ``user`` and ``assistant`` speak in turn; the last is an answer. An
answer with ``"weight": 0`` is read and not learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import framework
from framework import Column, InputError, Table, parse_cell
from framework_dialogue.formats import mark_of
from framework_dialogue.repairs import UNTAUGHT, Message, answered, plain, repaired
from framework_dialogue.speakers import Script, Speakers, Turn, advice
from framework_dialogue.turns import read_turns

COLUMNS = (
    Column(
        "messages",
        ("messages", "conversations", "conversation", "turns", "dialogue", "dialog", "dialogues", "dialogs", "chat"),
        "messages",
        optional=True,
    ),
    Column("question", ("question", "prompt", "instruction", "query", "utterance", "input"), "text", optional=True),
    Column(
        "answer",
        ("answer", "response", "output", "reply", "completion", "assistant"),
        "text",
        target=True,
        optional=True,
    ),
    Column("context", ("context", "input", "passage"), "text", optional=True),
    Column("system", ("system", "system_prompt"), "text", optional=True),
    Column("history", ("history",), "messages", optional=True),
    Column("transcript", ("transcript", "text", "log"), "messages", optional=True),
)
ROLES = {column.role for column in COLUMNS}
KINDS = {column.role: column.kind for column in COLUMNS}
SHAPED = (Column("messages", (), "messages"),)

READ = framework.message("{count:,} texts of {file} are in {form}, and their turns were read")
MARKED = framework.message(
    "{count:,} rows of {file} have {mark!r} in a text, a mark of a chat format, which is learned as words; take it out"
)
LABELLED = framework.message("{count:,} lines of {file} begin with {label!r} and were taken for text; {advice}")
SHOWN = 5  # problems named in one message
LABELS = 3  # times that a line must begin with the same unknown name to be said


class Options(Protocol):
    """What is needed of the task's options. roles: more names of speakers, {name: role}."""

    roles: dict[str, str] | None


def history_of(request: Any, roles: Mapping[str, str]) -> list[Message]:
    """What is to be answered: the messages of one row, or of what a person sends, up to the last user turn.

    request: a user's text, a dialogue in any JSON form, or a mapping of the columns to values as files hold them. An answer at
    the end is left out, so that a row with its answer asks for that answer. Raises InputError, also where no user speaks.
    """
    value = parse_cell("messages", request) if isinstance(request, str) and request.strip() else request
    if isinstance(value, str):
        turns = [Turn("user", value)]
    else:
        row = value if isinstance(value, Mapping) and ROLES & value.keys() else {"messages": value}
        turns = _turns_of_row({role: _typed(role, cell) for role, cell in row.items()}, Speakers(roles)).turns
    messages = plain(repaired(turns, Counter()))
    while messages and messages[-1]["role"] != "user":
        messages.pop()
    if not messages:
        raise InputError("there is nothing to answer: no user turn")
    return messages


def _typed(role: str, cell: Any) -> Any:
    """What a file's text, which a request may hold, is in the column of a role."""
    return parse_cell(KINDS.get(role, "text"), cell) if isinstance(cell, str) else cell


def shape(table: Table, options: Options, say: Callable[[str], None]) -> Table:
    """Every row as a dialogue with at least one answer to a user. What was repaired is counted and said.

    Raises InputError naming rows that cannot be read, and where no row has an answer.
    """
    _check_pairs(table)
    speakers, found = Speakers(options.roles or {}), _Found()
    kept: list[int] = []
    dialogues: list[list[Message]] = []
    for row, values in enumerate(zip(*table.columns.values(), strict=True)):
        try:
            script = _turns_of_row(dict(zip(table.columns, values, strict=True)), speakers)
        except InputError as error:
            found.problems.setdefault(str(error), []).append(row)
            continue
        found.labels.update(script.labels)
        found.forms.update([script.form] if script.form else [])
        messages = answered(script.turns, found.repairs)
        if messages:
            found.marks.update(set(filter(None, (mark_of(message["content"]) for message in messages))))
            kept.append(row)
            dialogues.append(messages)
    found.check(table, len(kept))
    found.say(table, say)
    return replace(table.take(kept), columns={"messages": dialogues})


@dataclass
class _Found:
    """problems: rows by what is wrong with them. repairs: how often each was made. labels: unknown beginnings of lines.
    forms: formats of chat models whose turns were read. marks: of such formats, within texts.
    """

    problems: dict[str, list[int]] = field(default_factory=dict)
    repairs: Counter[framework.Message] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)

    def check(self, table: Table, kept: int) -> None:
        shown = list(self.problems.items())[:SHOWN]
        more = len(self.problems) - len(shown)
        said = [f"{table.where(r[0])}: {what}{f' (so do {len(r) - 1:,} more rows)' * (len(r) > 1)}" for what, r in shown]
        if said:
            raise InputError(*said, *([f"{more:,} more rows cannot be read"] * bool(more)))
        if not kept:
            held = "an answer that is to be learned" if self.repairs[UNTAUGHT] else "an answer to a user"
            raise InputError(f"{table.source}: no row holds {held}, so there is nothing to learn")

    def say(self, table: Table, say: Callable[[str], None]) -> None:
        for what, count in self.repairs.items():
            if count:
                say(what.filled(count=count, file=table.name))
        for form, count in self.forms.most_common():
            say(READ.filled(count=count, file=table.name, form=form))
        for mark, count in self.marks.most_common():
            say(MARKED.filled(count=count, file=table.name, mark=mark))
        for label, count in self.labels.most_common(SHOWN):
            if count >= LABELS:
                say(LABELLED.filled(count=count, file=table.name, label=f"{label}:", advice=advice(label)))


def _check_pairs(table: Table) -> None:
    """A question without an answer's column is the likeliest mistake; it has one message for all rows."""
    has = table.columns.keys()
    if not has & {"messages", "transcript"} and not ("answer" in has and has & {"question", "history"}):
        lacks = "answer" if has & {"question", "history"} else "question"
        there = " and ".join(has)
        raise InputError(f"{table.source}: {there} found but no {lacks} column; data.{lacks}=COLUMN names it")


def _turns_of_row(row: Mapping[str, Any], speakers: Speakers) -> Script:
    """Of `messages` if it is filled, else of question and answer, else of the transcript."""
    values = {role: value for role, value in row.items() if (value.strip() if isinstance(value, str) else value is not None)}
    pair = values.keys() & {"question", "answer", "history"}
    if "messages" in values or not pair:
        script = read_turns(values.get("messages", values.get("transcript", "")), speakers)
    else:
        script = Script(_of_pair(values, speakers))
    instructed = any(turn.role == "system" for turn in script.turns)
    if "system" in values and not instructed:
        script = script._replace(turns=[Turn("system", str(values["system"])), *script.turns])
    return script


def _of_pair(values: Mapping[str, Any], speakers: Speakers) -> list[Turn]:
    earlier = read_turns(values["history"], speakers).turns if "history" in values else []
    asked = [str(values[role]) for role in ("question", "context") if role in values]
    user = [Turn("user", "\n\n".join(asked))] if "question" in values else []
    return [*earlier, *user, *([Turn("assistant", str(values["answer"]))] if "answer" in values else [])]
