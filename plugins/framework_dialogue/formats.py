"""Reads transcripts in the training formats of chat models, such as Gemma's and Llama's marks around turns. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framework import InputError
from framework_dialogue.speakers import SHOWN, Script, Speakers, Turn, read_script, unknown_speaker

BEGIN = re.compile(
    r"(?:\s*(?:<s>|<bos>|<BOS_TOKEN>|<\|(?:begin_of_text|startoftext|endoftext)\|>|<｜begin▁of▁sentence｜>|\[gMASK\]<sop>))+"
)
END = re.compile(
    r"(?:\s*(?:</s>|<eos>|<EOS_TOKEN>|<end_of_turn>|<turn\|>|<\|(?:im_end|eot_id|eom_id|eot|end|end_of_turn|end_of_text|endoftext"
    r"|END_OF_TURN_TOKEN)\|>|<｜end▁of▁sentence｜>))+\s*$"
)
MARK = re.compile(
    r"<start_of_turn>|<end_of_turn>|<\|turn>|<turn\|>|\[/?INST\]|<</?SYS>>|<｜\w+｜>|^#{2,4}[ \t]*(?:Instruction|Response):"
    r"|<\|(?:im_\w+|start_header_id|end_header_id|header_start|header_end|eot_id|eot|\w+_OF_TURN_TOKEN|channel|message|return)\|>",
    re.MULTILINE,
)
MESSAGES = 'write the turns as messages, [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]'


@dataclass(frozen=True)
class Form:
    """A format of transcripts."""

    name: str
    turn: re.Pattern[str]
    """The mark before a turn, whose group ``name`` is the speaker."""
    opened: bool = False
    """Whether a system message without a mark may come before the first turn."""


FORMS = (
    Form("Gemma's format", re.compile(r"<start_of_turn>[ \t]*(?P<name>\w+)[ \t]*\n?")),
    Form("Gemma 4's format", re.compile(r"<\|turn>[ \t]*(?P<name>\w+)[ \t]*\n?")),
    Form("ChatML", re.compile(r"<\|im_start\|>\s*(?P<name>\w+)[ \t]*(?:<\|im_sep\|>)?\n?")),
    Form("Llama 3's format", re.compile(r"<\|start_header_id\|>\s*(?P<name>\w+)\s*<\|end_header_id\|>")),
    Form("Llama 4's format", re.compile(r"<\|header_start\|>\s*(?P<name>\w+)\s*<\|header_end\|>")),
    Form("Command's format", re.compile(r"<\|START_OF_TURN_TOKEN\|>\s*<\|(?P<name>\w+?)_TOKEN\|>")),
    Form("DeepSeek's format", re.compile(r"<｜(?P<name>User|Assistant)｜>"), opened=True),
)
LLAMA_2 = "Llama 2's format"
HEADINGS = "the format of ### Instruction: and ### Response:"
INLINE = Form(
    "Vicuna's format", re.compile(r"(?:^|(?<=\s)|(?<=</s>))(?P<name>USER|ASSISTANT|User|Human|Assistant):[ \t]*"), opened=True
)
HEADED = {"instruction": "user", "input": "user", "context": "user", "response": "assistant", "output": "assistant"}
_EXCHANGE = re.compile(r"\[INST\](?P<question>.*?)\[/INST\](?P<answer>.*?)(?=\[INST\]|\Z)", re.DOTALL)
_SYSTEM = re.compile(r"\s*(?:<<SYS>>(.*?)<</SYS>>|\[SYSTEM_PROMPT\](.*?)\[/SYSTEM_PROMPT\])\s*", re.DOTALL)
_HEADING = re.compile(r"(?P<hashes>#{2,4})[ \t]*(?P<name>[^\W\d_]+)[ \t]*(?:(?P<colon>:)|(?=\n))")


def mark_of(text: str) -> str | None:
    """The first mark of a chat format in a text; None without one."""
    match = MARK.search(text)
    return match[0] if match else None


def read_transcript(text: str, speakers: Speakers) -> Script:
    """The turns of a text in one of the formats, or of a script (see `read_script`). Raises InputError for a broken format."""
    opening = BEGIN.match(text)
    body = text[opening.end() :].lstrip() if opening else text.lstrip()
    if body.startswith(("[INST]", "[SYSTEM_PROMPT]", "<<SYS>>")):
        return Script(_of_llama_2(body), form=LLAMA_2)
    for form in FORMS:
        if form.turn.match(body) or (form.opened and form.turn.search(body)):
            return _of_form(body, form, speakers)
    return _of_words(body if opening else text, speakers)


def _of_words(text: str, speakers: Speakers) -> Script:
    """The turns of a script. Where its lines do not name user and assistant: the turns below headings, or after the names in
    `INLINE`.

    Raises InputError where marks of a chat format are out of place, and as `read_script`.
    """
    script, problem = None, None
    try:
        script = read_script(text, speakers)
    except InputError as error:
        problem = error
    if script is not None and {"user", "assistant"} <= {turn.role for turn in script.turns}:
        return script
    headed = _headed(text, speakers)
    if headed:
        return Script(headed, form=HEADINGS)
    if len({match["name"].casefold().replace("human", "user") for match in INLINE.turn.finditer(text)}) == 2:
        return _of_form(text, INLINE, speakers)
    if mark := mark_of(text):
        raise InputError(f"it holds {mark!r}, a mark of a chat format that does not begin or end as it should; {MESSAGES}")
    if script is None:
        assert problem is not None
        raise problem
    return script


def _of_form(text: str, form: Form, speakers: Speakers) -> Script:
    marks = list(form.turn.finditer(text))
    before = text[: marks[0].start()].strip()
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns = [(mark["name"], END.sub("", text[mark.end() : end])) for mark, end in zip(marks, ends, strict=True)]
    for name, content in turns:
        if not speakers.knows(name):
            raise unknown_speaker(name)
        _check_marks(form.name, content)
    return Script(speakers.assign_roles([("system", before), *turns] if before else turns), form=form.name)


def _check_marks(form: str, text: str) -> None:
    if mark := mark_of(text):
        around = text.partition(mark)[2].strip()[:SHOWN]
        raise InputError(f"{form} is broken: {mark!r} stands within a turn, before {around!r}; mend it, or {MESSAGES}")


def _of_llama_2(text: str) -> list[Turn]:
    """Turns of ``[INST] <<SYS>> ... <</SYS>> user [/INST] assistant </s>``, repeated; Mistral's format is nearly the same.

    Raises InputError for a text outside these marks, and for marks within a turn.
    """
    first = text.partition("[INST]")[0]
    turns = _instruction(first)
    rest = _SYSTEM.sub("", first) + _EXCHANGE.sub("", text[len(first) :])
    for exchange in _EXCHANGE.finditer(text):
        turns += _instruction(exchange["question"])
        answer = BEGIN.sub("", END.sub("", re.sub(r"\s*<s>\s*$", "", exchange["answer"])))
        turns += [Turn("user", _SYSTEM.sub("", exchange["question"])), Turn("assistant", answer)]
    if rest.strip():
        raise InputError(f"{LLAMA_2} is broken: no [INST] ... [/INST] around {rest.strip()[:SHOWN]!r}; mend it, or {MESSAGES}")
    for turn in turns:
        _check_marks(LLAMA_2, turn.text)
    return turns


def _instruction(text: str) -> list[Turn]:
    return [Turn("system", plain or marked) for plain, marked in _SYSTEM.findall(text)]


def _is_heading(name: str, speakers: Speakers) -> bool:
    return name.casefold() in HEADED or speakers.knows(name)


def _headed(text: str, speakers: Speakers) -> list[Turn]:
    """Turns below headings of one style; empty unless both sides have one. A text before the first is a system message."""
    headings = [heading for heading in _HEADING.finditer(text) if _is_heading(heading["name"], speakers)]
    if not headings:
        return []
    style = headings[0]["hashes"], headings[0]["colon"]
    headings = [heading for heading in headings if (heading["hashes"], heading["colon"]) == style]
    turns = [Turn("system", text[: headings[0].start()])]
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        content = re.sub(r"\s*#{2,4}[ \t]*End\s*$", "", END.sub("", text[heading.end() : end])).strip()
        role = HEADED.get(heading["name"].casefold()) or speakers.role(heading["name"])
        if role == "user" and turns[-1].role == "user":
            turns[-1] = turns[-1]._replace(text=f"{turns[-1].text}\n\n{content}".strip())
        else:
            turns.append(Turn(role, content))
    return turns[not turns[0].text.strip() :] if {"user", "assistant"} <= {turn.role for turn in turns} else []
