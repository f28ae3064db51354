"""Parses the body of a chat request, and explains the parts of OpenAI's interface that are not supported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framework import nearest

EXAMPLE = {"messages": [{"role": "user", "content": "hello"}]}
OPTIONS = ("temperature", "top_p", "top_k", "repetition_penalty", "seed", "stop")
NEUTRAL: Mapping[str, Any] = {  # unsupported keys, with the only value that is accepted
    "n": 1, "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False, "top_logprobs": 0,
    "response_format": {"type": "text"}, "logit_bias": {}, "tools": [], "tool_choice": "none", "functions": [],
    "function_call": "none", "modalities": ["text"], "audio": None, "prediction": None, "web_search_options": None,
    "reasoning_effort": "none", "verbosity": "medium", "store": False,
}  # fmt: skip
_TOOLS = "no tools are offered, the model answers in text"
_ODDS = "the odds of tokens are not given"
_PENALTY = "repetition_penalty makes repeated words less likely"
REASONS: Mapping[str, str] = {  # why the keys of `NEUTRAL` accept no other value
    "n": "a request has one answer; send it again with another seed for another one",
    "frequency_penalty": _PENALTY, "presence_penalty": _PENALTY, "logprobs": _ODDS, "top_logprobs": _ODDS,
    "response_format": "an answer is plain text, which nothing holds to JSON or a schema",
    "logit_bias": "temperature, top_p and top_k choose among tokens",
    "tools": _TOOLS, "tool_choice": _TOOLS, "functions": _TOOLS, "function_call": _TOOLS, "web_search_options": _TOOLS,
    "modalities": "an answer is text", "audio": "an answer is text", "prediction": "an answer is always written anew",
    "reasoning_effort": "the model answers at once", "verbosity": "max_tokens bounds an answer",
    "store": "the server keeps no conversation",
}  # fmt: skip
IGNORED = (  # keys without effect
    "user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "parallel_tool_calls",
)  # fmt: skip
SURFACE_KEYS = ("model", "stream", "stream_options", "max_tokens", "max_completion_tokens")
TYPES = {"stream": (bool, "true or false"), "stream_options": (dict, 'an object such as {"include_usage": true}')}


@dataclass(frozen=True)
class ChatRequest:
    """A chat request."""

    messages: Any
    options: Mapping[str, Any]
    """Options of sampling, and ``max_tokens``, for `Converses.converse`; without those that the body leaves out."""
    stream: bool
    """Whether the answer is streamed."""
    usage: bool
    """Whether the stream ends with a chunk of token counts."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ChatRequest:
        """The request in `body`, which must have no `body_problems`."""
        values = _without_nulls(body)
        options = {key: values[key] for key in OPTIONS if key in values}
        limit = values.get("max_completion_tokens", values.get("max_tokens"))
        usage = bool(values.get("stream_options", {}).get("include_usage"))
        options |= {} if limit is None else {"max_tokens": limit}
        return cls(values["messages"], options, values.get("stream", False), usage)


def body_problems(body: Any) -> list[str]:
    """Why a body cannot be answered by any model; empty when it can."""
    if not isinstance(body, dict) or "messages" not in body:
        has = f"; {nearest('messages', list(body)[:50], 'it has')}" if isinstance(body, dict) else ""
        return [f"the body is an object with the key messages{has}"]
    values = _without_nulls(body)
    keys = {"messages", *OPTIONS, *NEUTRAL, *IGNORED, *SURFACE_KEYS}
    return [
        *(f"{key} is not supported: {REASONS[key]}" for key, same in NEUTRAL.items() if values.get(key, same) != same),
        *(f"{key} must be {what}" for key, (kind, what) in TYPES.items() if not isinstance(values.get(key, kind()), kind)),
        *(f"unknown key {key[:100]!r}; {nearest(key, keys, 'keys')}" for key in values if key not in keys),
    ]


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without keys that are null, which count as absent."""
    return {key: value for key, value in body.items() if value is not None}
