"""Requests, responses and interface shared by the codecs that hold a conversation. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework import ConversationTurn, Interface, Request, Response, message
from framework_dialogue.requests import OPTIONS, parsed

ODD_TEXTS = ("a", "?!", "word " * 700, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")
COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 0}
MESSAGE: Mapping[str, Any] = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "user", "assistant"]},
        "content": {"type": "string", "minLength": 1},
    },
}
TURN = ("content", "finish_reason", "prompt_tokens", "completion_tokens", "dropped_messages", "shortened_messages")


class ChatCodec:
    """Base of codecs whose requests are conversations. roles: further names of speakers in rows of files, {name: role}."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        self.roles = roles

    def parse(self, request: Any) -> Request:
        return parsed(request, self.roles)

    def converse(self, messages: Any, options: Mapping[str, Any]) -> Request:
        return self.parse({"messages": messages, **options})

    def turn(self, response: Response) -> ConversationTurn:
        return ConversationTurn(**{name: response[name] for name in TURN})

    def flatten(self, response: Response) -> dict[str, str]:
        return {key: str(response[key]) for key in ("content", "finish_reason", "dropped_messages", "shortened_messages")}

    @staticmethod
    def odd_requests() -> list[Request]:
        single = [{"messages": [{"role": "user", "content": text}]} for text in ODD_TEXTS]
        instructed = [{"role": "system", "content": "word " * 700}, {"role": "user", "content": "hello " * 700}]
        turns = [{"role": ("user", "assistant")[turn % 2], "content": f"word {turn} " * 40} for turn in range(21)]
        return [*single, {"messages": instructed, "max_tokens": 2}, {"messages": turns, "max_tokens": 2}]


def chat_interface(read: str, tokens: str = "", **more: Any) -> Interface:
    """The interface of a codec that holds a conversation.

    read: the part of a conversation that is read, as a noun. tokens: description of the token counts, where these do not count
    tokens of a model; "": they do. more: further fields of `Interface`.
    """
    first, last = message("The first of a conversation"), message("The last is the user's")
    text = {"type": "string", "title": message("Message"), "description": first, "minLength": 1}
    messages = {"type": "array", "items": MESSAGE, "minItems": 1, "title": message("Messages"), "description": last}
    conversation = {"type": "object", "required": ["messages"], "properties": {"messages": messages, **OPTIONS}}
    count = {**COUNT, "description": tokens} if tokens else COUNT
    properties = {
        "content": {"type": "string"},
        "finish_reason": {"type": "string", "enum": ["stop", "length"]},
        "prompt_tokens": count,
        "completion_tokens": count,
        "dropped_messages": {**COUNT, "description": f"The oldest, beyond {read}"},
        "shortened_messages": {**COUNT, "description": "Of which only a part is read"},
    }
    return Interface(
        request={"anyOf": [conversation, text]},
        response={"type": "object", "required": list(properties), "properties": properties},
        example={"messages": [{"role": "user", "content": "Hello, can you help me?"}]},
        page="chat",
        **more,
    )
