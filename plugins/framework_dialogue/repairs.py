"""Repairs dialogues for training, and counts each repair. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import framework
from framework_dialogue.speakers import NOBODY, Turn

Message = dict[str, Any]

EMPTY = framework.message("{count:,} empty turns of {file} left out")
NOBODYS = framework.message("{count:,} turns of {file} by speakers that task.roles leaves out")
JOINED_USER = framework.message("{count:,} user turns of {file} that follow a user's were joined to it")
JOINED_ANSWER = framework.message("{count:,} answers of {file} that follow an answer were joined to it")
INSTRUCTION = framework.message(
    "{count:,} instructions of {file} that are not the first were joined to it, at the dialogue's head"
)
OPENING = framework.message("{count:,} answers of {file} that open a dialogue, before a user spoke, left out")
TRAILING = framework.message("{count:,} last user turns of {file} without an answer cut off")
UNANSWERED = framework.message("{count:,} dialogues of {file} without an answer to a user left out")
UNLEARNED = framework.message("{count:,} answers of {file} are read and not learned, as weight: 0 or train: false says")
MIXED = framework.message("{count:,} answers of {file} are not learned, as they were joined to one that is not to be learned")
UNTAUGHT = framework.message("{count:,} dialogues of {file} in which no answer is to be learned left out")
USERS = framework.message("{count:,} turns of {file} that are no answers are marked as learned; answers alone are")
CALLS = framework.message("{count:,} calls of tools in {file} left out: no tools are offered")


def examples(messages: Sequence[Mapping[str, Any]]) -> list[tuple[list[Message], Message]]:
    """(all messages before the answer, answer), for each answer of a dialogue that is to be learned."""
    bare = plain(messages)
    learned = [i for i, message in enumerate(messages) if message["role"] == "assistant" and message.get("weight", 1)]
    return [(bare[:i], bare[i]) for i in learned]


def plain(messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages without their weights."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def repaired(turns: Sequence[Turn], count: Counter[framework.Message]) -> list[Message]:
    """The messages of turns: a system message, if any, then alternating user and assistant, the user first.

    count: is increased by each repair.
    """
    present = [turn for turn in turns if turn.role != NOBODY]
    filled = [turn for turn in present if turn.text.strip()]
    count[NOBODYS] += len(turns) - len(present)
    count[CALLS] += sum(turn.calls for turn in present)
    count[EMPTY] += sum(not turn.text.strip() and not turn.calls for turn in present)
    count[USERS] += sum(turn.role != "assistant" and bool(turn.learned) for turn in filled)
    instructions = [turn.text.strip() for turn in filled if turn.role == "system"]
    count[INSTRUCTION] += max(0, len(instructions) - 1)
    messages: list[Message] = [{"role": "system", "content": "\n".join(instructions)}] if instructions else []
    for turn in filled:
        if turn.role == "system":
            continue
        before = messages[-1]["role"] if messages else "system"
        if before == "system" and turn.role == "assistant":
            count[OPENING] += 1
        elif before == turn.role:
            count[JOINED_USER if turn.role == "user" else JOINED_ANSWER] += 1
            messages[-1] = _joined(messages[-1], _message(turn), count)
        else:
            messages.append(_message(turn))
    count[UNLEARNED] += sum("weight" in message for message in messages)
    return messages


def _message(turn: Turn) -> Message:
    unlearned = turn.role == "assistant" and turn.learned is False
    return {"role": turn.role, "content": turn.text.strip(), **({"weight": 0} if unlearned else {})}


def _joined(first: Message, second: Message, count: Counter[framework.Message]) -> Message:
    """Two messages of one role as one, which is learned only where both are: an answer is learned as a whole."""
    count[MIXED] += ("weight" in first) != ("weight" in second)
    return {**first, **second, "content": f"{first['content']}\n{second['content']}"}


def answered(turns: Sequence[Turn], count: Counter[framework.Message]) -> list[Message]:
    """The `repaired` messages up to the last answer; empty where no user is answered, or no answer is to be learned."""
    messages = repaired(turns, count)
    if not any(message["role"] == "assistant" for message in messages):
        count[UNANSWERED] += 1
        return []
    if not examples(messages):
        count[UNTAUGHT] += 1
        return []
    if messages[-1]["role"] == "user":
        count[TRAILING] += 1
        messages.pop()
    return messages
