"""What may be asked of a conversation: its messages, and how the next answer is chosen. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from framework import InputError, Request, message, nearest
from framework_dialogue.conversations import ROLES as ROW
from framework_dialogue.conversations import history_of
from framework_dialogue.repairs import plain, repaired
from framework_dialogue.speakers import TOOLS, Turn
from framework_text.generation.decoding import Sampling
from framework_text.generation.sampling import DRAWN, problems_of, sampling_of, unknown
from framework_text.generation.templates import Message
from framework_text.requests import not_unicode

ROLES = ("system", "user", "assistant")
ALIASES = {"developer": "system"}
STOPS = 4  # sequences of a request, as OpenAI allows
CALLS = ("tool_calls", "function_call")
NO_TOOLS = "this model is offered no tools: leave out calls and what tools put out, or say it in a user's message"
PARTS = {"image": "a picture", "audio": "a sound", "video": "a film", "file": "a file", "document": "a file"}
OPTIONS: dict[str, Mapping[str, Any]] = {
    "max_tokens": {"type": "integer", "minimum": 1, "description": message("Of the answer, as far as the window has room")},
    **DRAWN,
    "stop": {"anyOf": [{"type": "string", "minLength": 1},
                       {"type": "array", "maxItems": STOPS, "items": {"type": "string", "minLength": 1}}]},
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    messages: list[Message]
    sampling: Sampling
    max_tokens: int | None

    @classmethod
    def of(cls, request: Request, default: Sampling) -> Asked:
        """From what `parsed` gave."""
        sampling = replace(sampling_of(request, default), stop=tuple(request.get("stop", ())))
        return cls(request["messages"], sampling, request.get("max_tokens"))


def parsed(request: Any, roles: Mapping[str, str]) -> Request:
    """A message, an object with `messages` and options, or a row of a file in any shape that training reads.

    roles: more names of speakers in rows.
    """
    given = {"messages": [{"role": "user", "content": request}]} if isinstance(request, str) else request
    if isinstance(given, Mapping) and "prompt" in given:  # of `task: generation`
        given = {"question" if key == "prompt" else key: value for key, value in given.items()}
    if isinstance(given, Mapping) and ROW & given.keys() and not isinstance(given.get("messages"), list):
        row = {key: value for key, value in given.items() if key in ROW}
        given = {**{key: value for key, value in given.items() if key not in ROW}, "messages": history_of(row, roles)}
    if not isinstance(given, Mapping) or "messages" not in given:
        has = f"; {nearest('messages', [str(key) for key in given], 'it has')}" if isinstance(given, Mapping) else ""
        raise InputError(f"a request is a message, or an object with the key messages{has}")
    numbers = {name: schema for name, schema in OPTIONS.items() if name != "stop"}
    problems = [*unknown(given, ["messages", *OPTIONS]), *problems_of(given, numbers), *_wrong_stops(given.get("stop", []))]
    if problems:
        raise InputError(*problems)
    options = {name: given[name] for name in OPTIONS if name in given}
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return {"messages": _messages(given["messages"]), **options}


def _wrong_stops(given: Any) -> list[str]:
    found = [given] if isinstance(given, str) else given
    fine = isinstance(found, list) and len(found) <= STOPS and all(isinstance(one, str) and one for one in found)
    return [] if fine else [f"stop must be a text, or at most {STOPS} texts, none empty"]


def _messages(given: Any) -> list[Message]:
    """Roles and texts, repaired as training repairs them: several in a row of one role are one, an empty answer, or one before
    anybody asked, is left out, and instructions that come late are joined to the first.
    """
    if not isinstance(given, list) or not given:
        raise InputError('messages is a list of at least one {"role": ..., "content": ...}')
    turns = [_turn(number, message) for number, message in enumerate(given, start=1)]
    speaking = [turn.role for turn in turns if turn.role != "system" and turn.text]
    if "user" not in speaking:
        raise InputError("nobody asks in these messages; the last is the user's")
    if speaking[-1] != "user":
        raise InputError(f"the last message is the {speaking[-1]}'s; it must be the user's, which is to be answered")
    found: list[Message] = [*plain(repaired(turns, Counter()))]
    return found


def _turn(number: int, message: Any) -> Turn:
    if not isinstance(message, Mapping) or not {"role", "content"} <= {*message, *_calls(message)}:
        raise InputError(f'message {number} must be {{"role": ..., "content": ...}}')
    role = ALIASES.get(message["role"], message["role"]) if isinstance(message["role"], str) else message["role"]
    if isinstance(role, str) and role not in ROLES and TOOLS.search(role.casefold()):
        raise InputError(f"message {number} is a tool's ({role[:100]}); {NO_TOOLS}")
    if role not in ROLES:
        raise InputError(f"message {number}: unknown role {str(role)[:100]!r}; roles are {', '.join(ROLES)}")
    if calls := _calls(message):
        raise InputError(f"message {number} ({role}) calls a tool ({', '.join(calls.values())}); {NO_TOOLS}")
    content = _text(number, message["content"])
    if not isinstance(content, str) or not (content.strip() or role == "assistant"):
        raise InputError(f"message {number} ({role}) is empty; its content is a text")
    if not_unicode(content):
        raise InputError(f"message {number} ({role}) is not valid Unicode: it holds half of a surrogate pair")
    return Turn(role, content.strip())


def _calls(message: Mapping[Any, Any]) -> dict[str, str]:
    """Which key says what a tool shall do, under "content", which such a message may lack."""
    found = next((key for key in CALLS if message.get(key)), None)
    return {"content": found} if found else {}


def _text(number: int, content: Any) -> Any:
    """A list of parts as one text. Raises InputError naming a part of another kind."""
    if not isinstance(content, list) or not content:
        return content
    for part in content:
        kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
        if not isinstance(part, Mapping) or not isinstance(part.get("text"), str):
            what = next((word for mark, word in PARTS.items() if mark in str(kind)), "a part")
            raise InputError(f"message {number} holds {what} of the type {str(kind)[:100]!r}; this model reads text alone")
    return "\n".join(part["text"] for part in content)
