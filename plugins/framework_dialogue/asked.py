"""What the body of a chat request asks for, and words for what OpenAI's interface has and this one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framework import nearest

EXAMPLE = {"messages": [{"role": "user", "content": "hello"}]}
PASSED_ON = ("temperature", "top_p", "top_k", "repetition_penalty", "seed", "stop")
NEUTRAL: Mapping[str, Any] = {
    "n": 1, "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False, "top_logprobs": 0,
    "response_format": {"type": "text"}, "logit_bias": {}, "tools": [], "tool_choice": "none", "functions": [],
    "function_call": "none", "modalities": ["text"], "audio": None, "prediction": None, "web_search_options": None,
    "reasoning_effort": "none", "verbosity": "medium", "store": False,
}  # fmt: skip
_TOOLS = "no tools are offered, the model answers in text"
_ODDS = "the odds of tokens are not given"
_PENALTY = "repetition_penalty makes repeated words less likely"
WORDS: Mapping[str, str] = {
    "n": "a request has one answer; send it again with another seed for another one",
    "frequency_penalty": _PENALTY, "presence_penalty": _PENALTY, "logprobs": _ODDS, "top_logprobs": _ODDS,
    "response_format": "an answer is plain text, which nothing holds to JSON or a schema",
    "logit_bias": "temperature, top_p and top_k choose among tokens",
    "tools": _TOOLS, "tool_choice": _TOOLS, "functions": _TOOLS, "function_call": _TOOLS, "web_search_options": _TOOLS,
    "modalities": "an answer is text", "audio": "an answer is text", "prediction": "an answer is always written anew",
    "reasoning_effort": "the model answers at once", "verbosity": "max_tokens bounds an answer",
    "store": "the server keeps no conversation",
}  # fmt: skip
IGNORED = (
    "user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "parallel_tool_calls",
)  # fmt: skip
OWN = ("model", "stream", "stream_options", "max_tokens", "max_completion_tokens")
TYPES = {"stream": (bool, "true or false"), "stream_options": (dict, 'an object such as {"include_usage": true}')}


@dataclass(frozen=True)
class ChatRequest:
    """What a body asks for. options: as `Converses.converse` takes them. usage: whether a last chunk counts tokens."""

    messages: Any
    options: Mapping[str, Any]
    stream: bool
    usage: bool

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ChatRequest:
        """From a body without `problems_of`."""
        filled = _filled(body)
        options = {key: filled[key] for key in PASSED_ON if key in filled}
        most = filled.get("max_completion_tokens", filled.get("max_tokens"))
        usage = bool(filled.get("stream_options", {}).get("include_usage"))
        options |= {} if most is None else {"max_tokens": most}
        return cls(filled["messages"], options, filled.get("stream", False), usage)


def problems_of(body: Any) -> list[str]:
    """Why a body cannot be answered, whatever the model; empty when it can."""
    if not isinstance(body, dict) or "messages" not in body:
        has = f"; {nearest('messages', list(body)[:50], 'it has')}" if isinstance(body, dict) else ""
        return [f"the body is an object with the key messages{has}"]
    given = _filled(body)
    known = {"messages", *PASSED_ON, *NEUTRAL, *IGNORED, *OWN}
    return [
        *(f"{key} is not supported: {WORDS[key]}" for key, same in NEUTRAL.items() if given.get(key, same) != same),
        *(f"{key} must be {what}" for key, (kind, what) in TYPES.items() if not isinstance(given.get(key, kind()), kind)),
        *(f"unknown key {key[:100]!r}; {nearest(key, known, 'keys')}" for key in given if key not in known),
    ]


def _filled(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without nulls, which stand for what is left out."""
    return {key: value for key, value in body.items() if value is not None}
