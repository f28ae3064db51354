"""Chat templates: how a conversation becomes one text. Frozen into the artifact, rendered in jinja2's sandbox. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from framework import InputError

Message = Mapping[str, str]

PLAIN = """{{ bos_token }}{% for message in messages -%}
{% if message.role == 'system' %}{{ message.content }}
{% elif message.role == 'user' %}User: {{ message.content }}
{% else %}Assistant: {{ message.content }}{{ eos_token }}
{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""  # where a tokenizer has no template
TURNS = PLAIN.replace("{{ bos_token }}", "").replace("{{ eos_token }}", "")  # for encoders, whose tokenizers put these around
SETTINGS = ("template", "special_tokens", "merges_system", "prompt_suffix", "date")  # arguments of `Template`, in order
_TRAINING_MARKS = re.compile(r"{%-?\s*(?:end)?generation\s*-?%}")  # transformers' own, which say what was written by the model


class Template:
    """text: in jinja2. special_tokens: those it may name, such as bos_token. merges_system: it has no place for a system
    message, which becomes the beginning of the user's first.

    prompt_suffix: what it writes between a prompt and an answer, with which the prompt ends. date: ISO 8601, what it takes for
    today.
    """

    def __init__(
        self,
        text: str,
        special_tokens: Mapping[str, str],
        merges_system: bool = False,
        prompt_suffix: str = "",
        date: str | None = None,
    ) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = lambda value, **more: json.dumps(value, ensure_ascii=False, **more)
        environment.globals["raise_exception"] = _raise
        if date is not None:
            environment.globals["strftime_now"] = datetime.fromisoformat(date).strftime
        self.special_tokens, self.merges_system, self.prompt_suffix = dict(special_tokens), merges_system, prompt_suffix
        self._template = environment.from_string(_TRAINING_MARKS.sub("", text))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Template:
        """From what `frozen` gave."""
        return cls(*(settings[name] for name in SETTINGS))

    def render(self, messages: Sequence[Message], answering: bool = True) -> str:
        """answering: the text ends where the assistant's next words begin. Raises InputError where the template refuses."""
        shown = with_system_merged(messages) if self.merges_system else list(messages)
        try:
            text = self._template.render(messages=shown, add_generation_prompt=answering, **self.special_tokens)
            return text + self.prompt_suffix if answering else text
        except TemplateError as error:
            raise InputError(f"the chat template does not take these messages: {error}") from error


def with_system_merged(messages: Sequence[Message]) -> list[Message]:
    """A system message as the beginning of the user's first."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def frozen(tokenizer: Any, *, apart: bool = False) -> dict[str, Any]:
    """A transformers tokenizer's template as settings of a codec. apart: the answer is written by a decoder of its own.

    template, special_tokens, merges_system, prompt_suffix, date: of `Template`. answer_prefix: white space between a prompt and
    an answer. end_id: the token after an answer. own_template: whether the template is the tokenizer's. Raises InputError where
    no token ends an answer.
    """
    offered = tokenizer.chat_template
    text = offered.get("default") if isinstance(offered, Mapping) else offered
    named = {name: value for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    special_tokens = {"bos_token": "", "eos_token": "", **named}
    chosen = text or (TURNS if apart else PLAIN)
    today = date.today().isoformat() if "strftime_now" in chosen else None
    merges_system = not _takes_system(Template(chosen, special_tokens, date=today))
    before, after = _around_answer(Template(chosen, special_tokens, merges_system, date=today))
    prompt_suffix = before if before.strip() and not apart else ""  # such as an empty thought
    return {
        "template": chosen,
        "special_tokens": special_tokens,
        "merges_system": merges_system,
        "prompt_suffix": prompt_suffix,
        "date": today,
        "answer_prefix": "" if apart or prompt_suffix else before,
        "end_id": _end_id(tokenizer, after),
        "own_template": text is not None,
    }


def _end_id(tokenizer: Any, after: str) -> int:
    """The token that ends an answer. after: what the template writes behind one."""
    ids: list[int] = tokenizer(after, add_special_tokens=False)["input_ids"]
    if ids and ids[0] in tokenizer.all_special_ids + list(tokenizer.added_tokens_decoder):
        return ids[0]
    if tokenizer.eos_token_id is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no answer would end")
    return int(tokenizer.eos_token_id)


def _takes_system(template: Template) -> bool:
    try:
        return "SYSTEM-WORDS" in template.render(
            [{"role": "system", "content": "SYSTEM-WORDS"}, {"role": "user", "content": "hello"}]
        )
    except InputError:
        return False


def _around_answer(template: Template) -> tuple[str, str]:
    """What a template writes before and after an answer, beyond the prompt of it."""
    asked = [{"role": "user", "content": "hello"}]
    prompt = template.render(asked)
    whole = template.render([*asked, {"role": "assistant", "content": "ANSWER-WORDS"}], answering=False)
    before, _, after = whole.partition("ANSWER-WORDS")
    return before[len(prompt) :] if before.startswith(prompt) else "", after.lstrip()


def _raise(message: str) -> None:
    raise TemplateError(message)
