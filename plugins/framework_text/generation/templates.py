"""Chat templates: how a conversation becomes one text. Frozen into the artifact, rendered in jinja2's sandbox. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
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
_TRAINING_MARKS = re.compile(r"{%-?\s*(?:end)?generation\s*-?%}")  # transformers' own, which say what was written by the model


class Template:
    """text: in jinja2. specials: tokens it may name, such as bos_token. folds: it has no place for a system message.

    opens: what it writes between a prompt and an answer, with which the prompt ends. today: what it takes for the date.
    """

    def __init__(
        self, text: str, specials: Mapping[str, str], folds: bool = False, opens: str = "", today: str | None = None
    ) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = lambda value, **more: json.dumps(value, ensure_ascii=False, **more)
        environment.globals["raise_exception"] = _raise
        if today is not None:
            environment.globals["strftime_now"] = date.fromisoformat(today).strftime
        self.specials, self.folds, self.opens = dict(specials), folds, opens
        self._template = environment.from_string(_TRAINING_MARKS.sub("", text))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Template:
        """From what `frozen` gave."""
        return cls(*(settings[name] for name in ("template", "specials", "folds", "opens", "today")))

    def render(self, messages: Sequence[Message], answering: bool = True) -> str:
        """answering: the text ends where the assistant's next words begin. Raises InputError where the template refuses."""
        given = folded(messages) if self.folds else list(messages)
        try:
            text = self._template.render(messages=given, add_generation_prompt=answering, **self.specials)
            return text + self.opens if answering else text
        except TemplateError as error:
            raise InputError(f"the chat template does not take these messages: {error}") from error


def folded(messages: Sequence[Message]) -> list[Message]:
    """A system message as the beginning of the user's first."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def frozen(tokenizer: Any, *, apart: bool = False) -> dict[str, Any]:
    """A transformers tokenizer's template as settings of a codec. apart: the answer is written by a decoder of its own.

    template, specials, folds, opens, today: of `Template`. lead: white space between a prompt and an answer. end: the token
    after an answer. own: whether the template is the tokenizer's. Raises InputError where no token ends an answer.
    """
    given = tokenizer.chat_template
    text = given.get("default") if isinstance(given, Mapping) else given
    specials = {name: value for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    specials = {"bos_token": "", "eos_token": "", **specials}
    chosen = text or (TURNS if apart else PLAIN)
    today = date.today().isoformat() if "strftime_now" in chosen else None
    folds = not _takes_system(Template(chosen, specials, today=today))
    lead, after = _around_answer(Template(chosen, specials, folds, today=today))
    ids = tokenizer(after, add_special_tokens=False)["input_ids"]
    end = (
        ids[0] if ids and ids[0] in tokenizer.all_special_ids + list(tokenizer.added_tokens_decoder) else tokenizer.eos_token_id
    )
    if end is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no answer would end")
    opens = lead if lead.strip() and not apart else ""  # such as an empty thought
    lead = "" if apart or opens else lead
    settings = {"template": chosen, "specials": specials, "folds": folds, "opens": opens, "today": today}
    return {**settings, "lead": lead, "end": end, "own": text is not None}


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
