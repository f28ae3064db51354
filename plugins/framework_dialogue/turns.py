"""Reads turns from JSON: OpenAI's messages, ShareGPT's conversations, lists of texts and others. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from framework import InputError, nearest
from framework_dialogue.formats import read_transcript
from framework_dialogue.speakers import Script, Speakers, Turn, is_script

SPEAKER = ("role", "from", "speaker", "author", "sender", "name")  # keys of a turn's speaker
CONTENT = ("content", "value", "utterance", "text", "message", "body")  # keys of a turn's text
# keys that tell whether a turn is to be learned
LEARNED = ("weight", "train", "loss", "training", "trainable", "train_on_turn", "loss_weight")
IN_PARTS = ("train_detail",)  # keys that tell which characters of a turn to learn, which is not supported
CALLS = ("tool_calls", "function_call")  # keys of calls of tools
SWITCH = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True, "0.0": False, "1.0": True}
FORMS = '[{"role": "user", "content": ...}, ...], [{"from": "human", "value": ...}, ...] or a list of texts in turn'


class _NamedTurn(NamedTuple):
    """A turn whose speaker has a name, not a role yet; see `Turn`."""

    name: str | None
    """None where the data set does not say."""
    text: str
    learned: bool | None = None
    calls: bool = False


def read_turns(value: Any, speakers: Speakers) -> Script:
    """The turns of a transcript, or of lists and objects as JSON holds them. Raises InputError for anything else."""
    if isinstance(value, str):
        return read_transcript(value, speakers)
    turns = value
    if isinstance(turns, Mapping):
        lists = [content for content in turns.values() if isinstance(content, list)]
        turns = lists[0] if len(lists) == 1 else [turns]
    if not isinstance(turns, Sequence):
        raise InputError(f"a dialogue is {FORMS}, not {type(turns).__name__}")
    return _of_list(turns, speakers)


def _of_list(values: Sequence[Any], speakers: Speakers) -> Script:
    if all(isinstance(value, str) for value in values):
        if is_script(list(values), speakers):
            return read_transcript("\n".join(values), speakers)
        return Script(_in_turn(values))
    if all(isinstance(value, Sequence) and [type(part) for part in value] == [str, str] for value in values):
        return Script(_in_turn([text for pair in values for text in pair]))
    turns: list[_NamedTurn] = []
    for number, value in enumerate(values, start=1):
        if not isinstance(value, Mapping):
            raise InputError(f"turn {number} is {type(value).__name__}, others are objects; a dialogue is {FORMS}")
        turns += _of_object(number, {str(key).casefold(): part for key, part in value.items()}, speakers)
    nameless = [number for number, turn in enumerate(turns, start=1) if turn.name is None]
    if nameless and len(nameless) < len(turns):
        raise InputError(f"turn {nameless[0]} does not say whose it is; write {' or '.join(SPEAKER[:3])} into it")
    if nameless:
        assigned = _in_turn([turn.text for turn in turns])
    else:
        assigned = speakers.assign_roles([(str(turn.name), turn.text) for turn in turns])
    pairs = zip(assigned, turns, strict=True)
    return Script([turn._replace(learned=named.learned, calls=named.calls) for turn, named in pairs])


def _in_turn(texts: Sequence[str]) -> list[Turn]:
    """Texts as turns of user and assistant alternately."""
    return [Turn(role, text) for role, text in zip(cycle(("user", "assistant")), texts, strict=False)]


def _of_object(number: int, turn: dict[str, Any], speakers: Speakers) -> list[_NamedTurn]:
    """The turn in an object; several turns where its keys are speakers: ``{"human": ..., "assistant": ...}``.

    number: of the turn in the dialogue, from 1, for messages. Raises InputError for an object without a text.
    """
    learned, calls = _learned(number, turn), any(turn.get(key) for key in CALLS)
    content = next((key for key in CONTENT if key in turn), None)
    speaker = next((key for key in SPEAKER if key in turn), None)
    if content is not None or (calls and speaker is not None):
        name = str(turn[speaker]) if speaker is not None else None
        return [_NamedTurn(name, _text(number, turn[content]) if content is not None else "", learned, calls)]
    names = [key for key in turn if key not in LEARNED]
    if speaker is None and names and all(map(speakers.knows, names)):
        return [_NamedTurn(name, _text(number, turn[name]), learned) for name in names]
    raise InputError(f"turn {number} has no text; it may be called {', '.join(CONTENT)}; {nearest('content', turn, 'it has')}")


def _learned(number: int, turn: Mapping[str, Any]) -> bool | None:
    """Whether a turn is to be learned, by ``weight`` (OpenAI), ``train`` (Axolotl) and the like; None where it has no such key.

    Of several such keys all must be true. Raises InputError for values that are neither true nor false.
    """
    for key in IN_PARTS:
        if turn.get(key):
            raise InputError(f'turn {number}: {key} names parts to learn; a turn is learned whole, or with "train": false not')
    switches = {key: turn[key] for key in LEARNED if turn.get(key) is not None and turn[key] != ""}
    for key, value in switches.items():
        if str(value).strip().casefold() not in SWITCH:
            raise InputError(f"turn {number}: {key} is {str(value)[:40]!r}; write 0 (read, not learned) or 1 (learned)")
    return all(SWITCH[str(value).strip().casefold()] for value in switches.values()) if switches else None


def _text(number: int, content: Any) -> str:
    """The text of a turn from `content`: a text, null, or OpenAI's list of parts. Raises InputError for parts but texts."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    for part, text in zip(parts, texts, strict=True):
        if not isinstance(text, str):
            kind = part.get("type", "object") if isinstance(part, Mapping) else type(part).__name__
            raise InputError(f"turn {number} holds a part of the kind {kind!r}; only texts can be read")
    return "\n".join(text for text in texts if isinstance(text, str))
