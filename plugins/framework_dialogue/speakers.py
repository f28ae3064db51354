"""Names of speakers in data sets, and texts in which each turn begins with one. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import framework
from framework import InputError

ROLES = ("system", "user", "assistant")
NOBODY = "none"  # the role of speakers whose turns are left out
NAMES = {
    "user": (
        "user", "usr", "human", "customer", "client", "caller", "visitor", "guest", "buyer", "prompter",
        "question", "q", "用户", "客户", "顾客", "问", "问题",
    ),
    "assistant": (
        "assistant", "agent", "bot", "chatbot", "gpt", "chatgpt", "model", "ai", "operator", "support", "representative", "rep",
        "answer", "a", "response", "助手", "助理", "客服", "机器人", "答", "回答",
    ),
    "system": ("system", "sys", "developer"),
}  # fmt: skip
TOOLS = re.compile("tool|function|observation|ipython|environment|interpreter|plugin|retriev|result|^api|^search")
SHOWN = 40  # characters of a text shown in a message

_LABEL = re.compile(
    r"\s*(?:[\[(][^\])\n]{1,30}[\])]\s*)?[#*]*\s*"  # a time in brackets, Markdown
    r"(?P<name>[^\W\d_][\w .'-]{0,29}?)\s*\**(?P<colon>[:：])\**(?P<rest>.*)"
)
_TAG = re.compile(r"<\|?(?P<name>\w+)\|?>:?")
_END = re.compile(r"<\|(?:im_end|end|end_of_turn|eot_id|endoftext)\|>|</\w+>\s*$")


class Turn(NamedTuple):
    """A turn of a dialogue."""

    role: str
    """One of `ROLES`, or `NOBODY`."""
    text: str
    learned: bool | None = None
    """Whether the turn is to be learned; None where the data set does not say."""
    calls: bool = False
    """Whether the turn calls tools."""


class Speakers:
    """Roles by name of speaker. more: further names, ``task.roles``, {name: role}. Raises InputError for unknown roles."""

    def __init__(self, more: Mapping[str, str]) -> None:
        wrong = {name: role for name, role in more.items() if role not in (*ROLES, NOBODY)}
        if wrong:
            raise InputError(
                *(
                    f"task.roles: {name} is {role}; a role is {', '.join(ROLES)}, or none to leave its turns out"
                    for name, role in wrong.items()
                )
            )
        self.table = {_plain(name): role for role, names in NAMES.items() for name in names}
        self.table |= {_plain(name): role for name, role in more.items()}
        self.further = {_plain(name) for name in more}

    def knows(self, name: str) -> bool:
        """Whether a name has a role."""
        return _plain(name) in self.table

    def role(self, name: str) -> str:
        """The role of a name. Raises InputError for an unknown one."""
        if not self.knows(name):
            raise unknown_speaker(name)
        return self.table[_plain(name)]

    def assign_roles(self, turns: list[tuple[str, str]]) -> list[Turn]:
        """Turns (name, text) as turns by role.

        The name "system" stands for system messages; or for the assistant, where no other speaker is the assistant and a turn
        of "system" follows one of the user. Raises InputError for an unknown name.
        """
        roles = [self.role(name) for name, _ in turns]
        system = "system"
        if "assistant" not in roles and "user" in roles and "system" in roles[roles.index("user") :]:
            system = "assistant"
        named = zip(turns, roles, strict=True)
        return [Turn(system if role == "system" and _plain(n) not in self.further else role, text) for (n, text), role in named]


def unknown_speaker(name: str) -> InputError:
    """The error for a name without a role."""
    shown = name if len(name) <= SHOWN else name[:SHOWN] + "…"
    roles = "; ".join(f"{role}: {', '.join(names)}" for role, names in NAMES.items())
    return InputError(f"nobody knows the role {shown!r}; known are {roles}. {advice(shown)}")


def advice(name: str) -> str:
    """The remedy for an unknown name: a role in ``task.roles``; for a tool's name, leaving out its turns."""
    plain = _plain(name) or "name"
    if TOOLS.search(plain):
        return framework.message(
            "task.roles={{{name}: none}} leaves out what a tool puts out: no tools are offered, and nobody learns it",
            name=plain,
        )
    return framework.message(
        "task.roles={{{name}: assistant}} adds it (or user, system; none leaves its turns out)", name=plain
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


class Script(NamedTuple):
    """The turns of a text."""

    turns: list[Turn]
    labels: Sequence[str] = ()
    """Beginnings of other lines that look like unknown speakers."""
    form: str | None = None
    """Name of the text's chat format; None: the text is in none."""


def read_script(text: str, speakers: Speakers) -> Script:
    """The turns of a text such as ``Customer: hi`` and ``Agent: hello``, or ``<user> hi <bot> hello``; turns may span lines.

    A text that names no speaker is one user turn. Raises InputError for an unknown speaker where one of the sides has no turn.
    """
    tagged = _by_tags(text, speakers)
    return Script(speakers.assign_roles(tagged)) if tagged else _by_lines(text, speakers)


def _by_tags(text: str, speakers: Speakers) -> list[tuple[str, str]]:
    """(name, text) of a text that begins with a tag; empty where its tags name no speaker."""
    tags = list(_TAG.finditer(text)) if text.lstrip().startswith("<") else []
    names = [tag["name"] for tag in tags]
    if not any(map(speakers.knows, names)):
        return []
    if not speakers.knows(names[0]):
        raise unknown_speaker(names[0])
    marks = [tag for tag, name in zip(tags, names, strict=True) if speakers.knows(name)]
    ends = [tag.start() for tag in marks[1:]] + [len(text)]
    return [(tag["name"], _END.sub("", text[tag.end() : end])) for tag, end in zip(marks, ends, strict=True)]


def _by_lines(text: str, speakers: Speakers) -> Script:
    turns: list[tuple[str, list[str]]] = []
    labels = []
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label and speakers.knows(label["name"]):
            turns.append((label["name"], [label["rest"].strip()]))
            continue
        named = label is not None and (label["colon"] == "：" or label["rest"][:1] in ("", " ", "\t"))
        if label and named:
            labels.append(label["name"])
        if turns:
            turns[-1][1].append(line)
        elif line.strip() and named:
            raise unknown_speaker(labels[-1])
        elif line.strip():
            turns.append(("", [line]))
    if [name for name, _ in turns] == [""]:
        return Script([Turn("user", text)])
    if turns and not turns[0][0]:
        begins = turns[0][1][0].strip()[:SHOWN]
        raise InputError(f"it begins with a text of no speaker, {begins!r}; begin it with Customer: or Agent:, or take it out")
    assigned = speakers.assign_roles([(name, "\n".join(lines)) for name, lines in turns])
    if labels and not {"user", "assistant"} <= {turn.role for turn in assigned}:
        raise unknown_speaker(labels[0])
    return Script(assigned, labels)


def is_script(texts: list[str], speakers: Speakers) -> bool:
    """Whether each text begins with a known speaker and a colon."""
    labels = [_LABEL.match(text) for text in texts]
    return bool(texts) and all(label is not None and speakers.knows(label["name"]) for label in labels)
