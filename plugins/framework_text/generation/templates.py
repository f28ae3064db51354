"""Chat templates, which turn a conversation into one text. Sealed in the artifact, rendered in jinja2's sandbox. No torch."""

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
{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""  # for tokenizers without a template
TURNS = PLAIN.replace("{{ bos_token }}", "").replace(
    "{{ eos_token }}", ""
)  # for encoder-decoder models, whose tokenizers add the special tokens
SETTINGS = ("template", "special_tokens", "merges_system", "prompt_suffix", "date")  # arguments of `Template`, in order
_TRAINING_MARKS = re.compile(r"{%-?\s*(?:end)?generation\s*-?%}")  # extensions of transformers that mark the model's answers


class Template:
    """A chat template.

    text: jinja2 source. special_tokens: tokens that the template may use, such as ``bos_token``. merges_system: whether a
    system message is put at the beginning of the message after it, because the template takes none. prompt_suffix: appended to
    a prompt that asks for an answer. date: ISO 8601, for ``strftime_now`` in the template; None: the template uses no date.
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
        """The template in the settings that `frozen` returned."""
        return cls(*(settings[name] for name in SETTINGS))

    def render(self, messages: Sequence[Message], answering: bool = True) -> str:
        """The text of a conversation. Raises InputError where the template refuses it.

        answering: whether the text ends where the assistant's next message begins; otherwise it ends after the last message.
        """
        merged = with_system_merged(messages) if self.merges_system else list(messages)
        try:
            text = self._template.render(messages=merged, add_generation_prompt=answering, **self.special_tokens)
            return text + self.prompt_suffix if answering else text
        except TemplateError as error:
            raise InputError(f"the chat template does not take these messages: {error}") from error


def with_system_merged(messages: Sequence[Message]) -> list[Message]:
    """The messages, with a system message at the beginning merged into the message after it."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def frozen(tokenizer: Any, *, apart: bool = False) -> dict[str, Any]:
    """The chat template of a transformers tokenizer, as settings of a codec. apart: for an encoder-decoder model.

    Keys: template, special_tokens, merges_system, prompt_suffix, date: of `Template`; answer_prefix: white space between prompt
    and answer; end_id: the token after an answer; own_template: whether the template is the tokenizer's. Raises InputError
    where no token ends an answer.
    """
    templates = tokenizer.chat_template
    text = templates.get("default") if isinstance(templates, Mapping) else templates
    named = {name: value for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    special_tokens = {"bos_token": "", "eos_token": "", **named}
    chosen = text or (TURNS if apart else PLAIN)
    today = date.today().isoformat() if "strftime_now" in chosen else None
    merges_system = not _takes_system(Template(chosen, special_tokens, date=today))
    before, after = _around_answer(Template(chosen, special_tokens, merges_system, date=today))
    prompt_suffix = before if before.strip() and not apart else ""  # such as an empty block of reasoning
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
    """The token that ends an answer. after: what the template writes after an answer. Raises InputError where none does."""
    ids: list[int] = tokenizer(after, add_special_tokens=False)["input_ids"]
    if ids and ids[0] in tokenizer.all_special_ids + list(tokenizer.added_tokens_decoder):
        return ids[0]
    if tokenizer.eos_token_id is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no answer would end")
    return int(tokenizer.eos_token_id)


def _takes_system(template: Template) -> bool:
    """Whether a template renders system messages."""
    try:
        return "SYSTEM-WORDS" in template.render(
            [{"role": "system", "content": "SYSTEM-WORDS"}, {"role": "user", "content": "hello"}]
        )
    except InputError:
        return False


def _around_answer(template: Template) -> tuple[str, str]:
    """What a template writes directly before an answer, beyond the prompt, and after it."""
    question = [{"role": "user", "content": "hello"}]
    prompt = template.render(question)
    text = template.render([*question, {"role": "assistant", "content": "ANSWER-WORDS"}], answering=False)
    before, _, after = text.partition("ANSWER-WORDS")
    return before[len(prompt) :] if before.startswith(prompt) else "", after.lstrip()


def _raise(message: str) -> None:
    raise TemplateError(message)
