"""Brings dialogues of every layout into one form: ``messages``, a list of ``{"role", "content"}``. No torch.

A ``system`` message may come first, then ``user`` and ``assistant`` alternate; the last message is an answer. An answer with
``"weight": 0`` is part of the prompt and not trained on.
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
SHOWN = 5  # problems listed in one message
LABELS = 3  # an unknown name is reported if at least this many lines begin with it


class Options(Protocol):
    """The task options that are used here."""

    roles: dict[str, str] | None
    """Further names of speakers, {name: role}; None: there are none."""


def history_of(request: Any, roles: Mapping[str, str]) -> list[Message]:
    """The messages of a request up to its last user turn.

    An answer at the end is left out, so that a row of a file asks for its own answer.

    request: a user's text, a dialogue in any JSON form, or a mapping from columns to values as files hold them. roles: further
    names of speakers. Raises InputError for a request that cannot be read, or without a user turn.
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
    """The value of a cell, parsed by the kind of its column if it is a text."""
    return parse_cell(KINDS.get(role, "text"), cell) if isinstance(cell, str) else cell


def shape(table: Table, options: Options, say: Callable[[str], None]) -> Table:
    """A table with the column ``messages``: each row a dialogue with at least one answer to a user.

    say: is told how often each repair was made. Raises InputError naming rows that cannot be read, and where no row has an
    answer.
    """
    _check_pairs(table)
    speakers, findings = Speakers(options.roles or {}), _Findings()
    rows: list[int] = []
    dialogues: list[list[Message]] = []
    for row, values in enumerate(zip(*table.columns.values(), strict=True)):
        try:
            script = _turns_of_row(dict(zip(table.columns, values, strict=True)), speakers)
        except InputError as error:
            findings.problems.setdefault(str(error), []).append(row)
            continue
        findings.labels.update(script.labels)
        findings.forms.update([script.form] if script.form else [])
        messages = answered(script.turns, findings.repairs)
        if messages:
            findings.marks.update(set(filter(None, (mark_of(message["content"]) for message in messages))))
            rows.append(row)
            dialogues.append(messages)
    findings.check(table, len(rows))
    findings.say(table, say)
    return replace(table.take(rows), columns={"messages": dialogues})


@dataclass
class _Findings:
    """Problems and repairs of a table's rows."""

    problems: dict[str, list[int]] = field(default_factory=dict)
    """Rows that cannot be read, by problem."""
    repairs: Counter[framework.Message] = field(default_factory=Counter)
    """How often each repair was made."""
    labels: Counter[str] = field(default_factory=Counter)
    """Beginnings of lines that look like unknown speakers."""
    forms: Counter[str] = field(default_factory=Counter)
    """Chat formats of transcripts that were read."""
    marks: Counter[str] = field(default_factory=Counter)
    """Marks of chat formats within messages."""

    def check(self, table: Table, dialogues: int) -> None:
        """Raises InputError for problems, and where there are no dialogues."""
        shown = list(self.problems.items())[:SHOWN]
        more = len(self.problems) - len(shown)
        lines = [f"{table.where(r[0])}: {what}{f' (so do {len(r) - 1:,} more rows)' * (len(r) > 1)}" for what, r in shown]
        if lines:
            raise InputError(*lines, *([f"{more:,} more rows cannot be read"] * bool(more)))
        if not dialogues:
            answer = "an answer that is to be learned" if self.repairs[UNTAUGHT] else "an answer to a user"
            raise InputError(f"{table.source}: no row holds {answer}, so there is nothing to learn")

    def say(self, table: Table, say: Callable[[str], None]) -> None:
        """Reports repairs, formats, marks and unknown names."""
        for repair, count in self.repairs.items():
            if count:
                say(repair.filled(count=count, file=table.name))
        for form, count in self.forms.most_common():
            say(READ.filled(count=count, file=table.name, form=form))
        for mark, count in self.marks.most_common():
            say(MARKED.filled(count=count, file=table.name, mark=mark))
        for label, count in self.labels.most_common(SHOWN):
            if count >= LABELS:
                say(LABELLED.filled(count=count, file=table.name, label=f"{label}:", advice=advice(label)))


def _check_pairs(table: Table) -> None:
    """Raises InputError for a table with a question but no answer column, or the reverse, once for all rows."""
    has = table.columns.keys()
    if not has & {"messages", "transcript"} and not ("answer" in has and has & {"question", "history"}):
        missing = "answer" if has & {"question", "history"} else "question"
        present = " and ".join(has)
        raise InputError(f"{table.source}: {present} found but no {missing} column; data.{missing}=COLUMN names it")


def _turns_of_row(row: Mapping[str, Any], speakers: Speakers) -> Script:
    """The turns of a row: from `messages` if it is filled, else from question and answer, else from the transcript."""
    values = {role: value for role, value in row.items() if (value.strip() if isinstance(value, str) else value is not None)}
    pair = values.keys() & {"question", "answer", "history"}
    if "messages" in values or not pair:
        script = read_turns(values.get("messages", values.get("transcript", "")), speakers)
    else:
        script = Script(_of_pair(values, speakers))
    has_system = any(turn.role == "system" for turn in script.turns)
    if "system" in values and not has_system:
        script = script._replace(turns=[Turn("system", str(values["system"])), *script.turns])
    return script


def _of_pair(values: Mapping[str, Any], speakers: Speakers) -> list[Turn]:
    earlier = read_turns(values["history"], speakers).turns if "history" in values else []
    parts = [str(values[role]) for role in ("question", "context") if role in values]
    user = [Turn("user", "\n\n".join(parts))] if "question" in values else []
    return [*earlier, *user, *([Turn("assistant", str(values["answer"]))] if "answer" in values else [])]
