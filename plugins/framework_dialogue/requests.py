"""Parses requests for the next answer of a conversation: messages and sampling options. No torch."""

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
from framework_text.generation.sampling import DRAWN, option_problems, sampling_of, unknown_keys
from framework_text.generation.templates import Message
from framework_text.requests import not_unicode

ROLES = ("system", "user", "assistant")
ALIASES = {"developer": "system"}
STOPS = 4  # stop texts of a request at most, as with OpenAI
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
class ConversationRequest:
    """A parsed request."""

    messages: list[Message]
    sampling: Sampling
    max_tokens: int | None

    @classmethod
    def of(cls, request: Request, default: Sampling) -> ConversationRequest:
        """Reads the request that `parsed` returned. default: the sampling for options that the request lacks."""
        sampling = replace(sampling_of(request, default), stop=tuple(request.get("stop", ())))
        return cls(request["messages"], sampling, request.get("max_tokens"))


def parsed(request: Any, roles: Mapping[str, str]) -> Request:
    """A request as an object with `messages` and options.

    request: a user's message, an object with `messages` and options, or a row of a file in any layout that training reads.
    roles: further names of speakers in rows. Raises InputError for anything else.
    """
    fields = {"messages": [{"role": "user", "content": request}]} if isinstance(request, str) else request
    if isinstance(fields, Mapping) and "prompt" in fields:  # the key in requests of `task: generation`
        fields = {"question" if key == "prompt" else key: value for key, value in fields.items()}
    if isinstance(fields, Mapping) and ROW & fields.keys() and not isinstance(fields.get("messages"), list):
        row = {key: value for key, value in fields.items() if key in ROW}
        fields = {**{key: value for key, value in fields.items() if key not in ROW}, "messages": history_of(row, roles)}
    if not isinstance(fields, Mapping) or "messages" not in fields:
        has = f"; {nearest('messages', [str(key) for key in fields], 'it has')}" if isinstance(fields, Mapping) else ""
        raise InputError(f"a request is a message, or an object with the key messages{has}")
    numbers = {name: schema for name, schema in OPTIONS.items() if name != "stop"}
    problems = [
        *unknown_keys(fields, ["messages", *OPTIONS]),
        *option_problems(fields, numbers),
        *_stop_problems(fields.get("stop", [])),
    ]
    if problems:
        raise InputError(*problems)
    options = {name: fields[name] for name in OPTIONS if name in fields}
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    return {"messages": _messages(fields["messages"]), **options}


def _stop_problems(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    valid = isinstance(stops, list) and len(stops) <= STOPS and all(isinstance(stop, str) and stop for stop in stops)
    return [] if valid else [f"stop must be a text, or at most {STOPS} texts, none empty"]


def _messages(value: Any) -> list[Message]:
    """The messages of a request, repaired as in training.

    Consecutive messages of one role are joined, later system messages are joined to the first, and answers that are empty or
    come before the first user message are left out. Raises InputError for anything but messages of which a user's is the last.
    """
    if not isinstance(value, list) or not value:
        raise InputError('messages is a list of at least one {"role": ..., "content": ...}')
    turns = [_turn(number, message) for number, message in enumerate(value, start=1)]
    speaking = [turn.role for turn in turns if turn.role != "system" and turn.text]
    if "user" not in speaking:
        raise InputError("nobody asks in these messages; the last is the user's")
    if speaking[-1] != "user":
        raise InputError(f"the last message is the {speaking[-1]}'s; it must be the user's, which is to be answered")
    return [*plain(repaired(turns, Counter()))]


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
    """The key with calls of tools, as ``{"content": key}``: such a message may lack its content. Empty without calls."""
    key = next((key for key in CALLS if message.get(key)), None)
    return {"content": key} if key else {}


def _text(number: int, content: Any) -> Any:
    """The content of a message, with a list of text parts joined. Raises InputError naming a part of another kind."""
    if not isinstance(content, list) or not content:
        return content
    for part in content:
        kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
        if not isinstance(part, Mapping) or not isinstance(part.get("text"), str):
            what = next((word for mark, word in PARTS.items() if mark in str(kind)), "a part")
            raise InputError(f"message {number} holds {what} of the type {str(kind)[:100]!r}; this model reads text alone")
    return "\n".join(part["text"] for part in content)
