"""Who speaks: the names that data sets give to the two sides, and texts in which each turn begins with one. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import framework
from framework import InputError

ROLES = ("system", "user", "assistant")
NOBODY = "none"  # a speaker whose turns are left out
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
SHOWN = 40  # characters of a text that a message shows

_LABEL = re.compile(
    r"\s*(?:[\[(][^\])\n]{1,30}[\])]\s*)?[#*]*\s*"  # a time in brackets, Markdown
    r"(?P<name>[^\W\d_][\w .'-]{0,29}?)\s*\**(?P<colon>[:：])\**(?P<rest>.*)"
)
_TAG = re.compile(r"<\|?(?P<name>\w+)\|?>:?")
_END = re.compile(r"<\|(?:im_end|end|end_of_turn|eot_id|endoftext)\|>|</\w+>\s*$")


class Turn(NamedTuple):
    """role: of `ROLES`, or `NOBODY`. learned: None where its data set does not say. calls: whether it calls tools."""

    role: str
    text: str
    learned: bool | None = None
    calls: bool = False


class Speakers:
    """The table of names, and what ``task.roles`` adds to it: {name: role}, where the role none leaves its turns out."""

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
        self.given = {_plain(name) for name in more}

    def knows(self, name: str) -> bool:
        return _plain(name) in self.table

    def role(self, name: str) -> str:
        if not self.knows(name):
            raise unknown(name)
        return self.table[_plain(name)]

    def decided(self, turns: list[tuple[str, str]]) -> list[Turn]:
        """Turns by name as turns by role.

        "System" is the one who instructs, or, in a dialogue without another who answers, the one who answers the user: then it
        speaks after a user did.
        """
        roles = [self.role(name) for name, _ in turns]
        system = "system"
        if "assistant" not in roles and "user" in roles and "system" in roles[roles.index("user") :]:
            system = "assistant"
        named = zip(turns, roles, strict=True)
        return [Turn(system if role == "system" and _plain(n) not in self.given else role, text) for (n, text), role in named]


def unknown(name: str) -> InputError:
    shown = name if len(name) <= SHOWN else name[:SHOWN] + "…"
    known = "; ".join(f"{role}: {', '.join(names)}" for role, names in NAMES.items())
    return InputError(f"nobody knows the role {shown!r}; known are {known}. {advice(shown)}")


def advice(name: str) -> str:
    """What to do about a name that nobody knows. What a tool puts out is nobody's answer, so it is never to be learned."""
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
    """labels: what other lines begin with, as if it were a speaker. form: whose format of turns it was, where that is said."""

    turns: list[Turn]
    labels: Sequence[str] = ()
    form: str | None = None


def read_script(text: str, speakers: Speakers) -> Script:
    """Turns of a text such as ``Customer: hi`` and ``Agent: hello``, or ``<user> hi <bot> hello``; a turn may go over lines.

    A text that names no speaker is one user turn. Raises InputError for an unknown speaker where a known one is missing.
    """
    tagged = _by_tags(text, speakers)
    return Script(speakers.decided(tagged)) if tagged else _by_lines(text, speakers)


def _by_tags(text: str, speakers: Speakers) -> list[tuple[str, str]]:
    """(name, text) of a text that begins with a tag; empty where its tags name no speaker."""
    tags = list(_TAG.finditer(text)) if text.lstrip().startswith("<") else []
    names = [tag["name"] for tag in tags]
    if not any(map(speakers.knows, names)):
        return []
    if not speakers.knows(names[0]):
        raise unknown(names[0])
    kept = [tag for tag, name in zip(tags, names, strict=True) if speakers.knows(name)]
    ends = [tag.start() for tag in kept[1:]] + [len(text)]
    return [(tag["name"], _END.sub("", text[tag.end() : end])) for tag, end in zip(kept, ends, strict=True)]


def _by_lines(text: str, speakers: Speakers) -> Script:
    turns: list[tuple[str, list[str]]] = []
    labels = []
    for line in text.splitlines():
        found = _LABEL.match(line)
        if found and speakers.knows(found["name"]):
            turns.append((found["name"], [found["rest"].strip()]))
            continue
        named = found is not None and (found["colon"] == "：" or found["rest"][:1] in ("", " ", "\t"))
        if found and named:
            labels.append(found["name"])
        if turns:
            turns[-1][1].append(line)
        elif line.strip() and named:
            raise unknown(labels[-1])
        elif line.strip():
            turns.append(("", [line]))
    if [name for name, _ in turns] == [""]:
        return Script([Turn("user", text)])
    if turns and not turns[0][0]:
        begins = turns[0][1][0].strip()[:SHOWN]
        raise InputError(f"it begins with a text of no speaker, {begins!r}; begin it with Customer: or Agent:, or take it out")
    decided = speakers.decided([(name, "\n".join(lines)) for name, lines in turns])
    if labels and not {"user", "assistant"} <= {turn.role for turn in decided}:
        raise unknown(labels[0])
    return Script(decided, labels)


def is_script(texts: list[str], speakers: Speakers) -> bool:
    """Whether each text begins with a known speaker and a colon."""
    found = [_LABEL.match(text) for text in texts]
    return bool(texts) and all(label is not None and speakers.knows(label["name"]) for label in found)
