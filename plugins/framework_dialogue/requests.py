"""What may be asked of a conversation: its messages, and how the next answer is chosen. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from framework import InputError, Request, nearest
from framework_dialogue.conversations import ROLES as ROW
from framework_dialogue.conversations import history_of
from framework_text.generation.asking import DRAWN, problems_of, sampling_of, unknown
from framework_text.generation.decoding import Sampling
from framework_text.generation.templates import Message
from framework_text.requests import not_unicode

ROLES = ("system", "user", "assistant")
ALIASES = {"developer": "system"}
STOPS = 4  # sequences of a request, as OpenAI allows
OPTIONS: dict[str, Mapping[str, Any]] = {
    "max_tokens": {"type": "integer", "minimum": 1, "description": "Of the answer, as far as the window has room"},
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
    """Roles and texts in order, as training has them: several in a row of one role are one, and an empty answer, or one
    before anybody asked, is left out.
    """
    if not isinstance(given, list) or not given:
        raise InputError('messages is a list of at least one {"role": ..., "content": ...}')
    found: list[Message] = []
    for number, message in enumerate(given, start=1):
        role, content = _message(number, message)
        if role == "system" and found:
            raise InputError(f"message {number}: a system message stands first, or nowhere")
        if role == "assistant" and (not content or not any(one["role"] == "user" for one in found)):
            continue
        if found and found[-1]["role"] == role:
            content = f"{found.pop()['content']}\n{content}"
        found.append({"role": role, "content": content})
    if not found:
        raise InputError("nobody asks in these messages; the last is the user's")
    if found[-1]["role"] != "user":
        raise InputError(f"the last message is the {found[-1]['role']}'s; it must be the user's, which is to be answered")
    return found


def _message(number: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, Mapping) or not {"role", "content"} <= message.keys():
        raise InputError(f'message {number} must be {{"role": ..., "content": ...}}')
    role = ALIASES.get(message["role"], message["role"]) if isinstance(message["role"], str) else message["role"]
    if role not in ROLES:
        raise InputError(f"message {number}: unknown role {str(role)[:100]!r}; roles are {', '.join(ROLES)}")
    content = message["content"]
    if isinstance(content, list) and all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content):
        content = "\n".join(part["text"] for part in content)
    if not isinstance(content, str) or not (content.strip() or role == "assistant"):
        raise InputError(f"message {number} ({role}) is empty; its content is a text")
    if not_unicode(content):
        raise InputError(f"message {number} ({role}) is not valid Unicode: it holds half of a surrogate pair")
    return role, content.strip()
