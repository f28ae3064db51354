"""How a text becomes a prompt, and a prompt a summary: what is frozen into the codec's settings. No torch."""

from __future__ import annotations

from typing import Any

from framework import InputError
from framework_summarization import Summarization
from framework_text.generation.offline_tokenizer import around, framed, within_positions

PREFIXES = {"t5": "summarize:"}  # what the family was trained with (Raffel et al. 2020)
PROMPT = "\n\nSummary:"
SAMPLING = ("beams", "length_penalty", "repetition_penalty", "no_repeat_ngram")


def settings_of(tokenizer: Any, network: Any, options: Summarization) -> dict[str, Any]:
    """The codec's: how a text becomes a prompt, and a prompt a summary, is frozen here."""
    if tokenizer.eos_token_id is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no summary would end")
    apart = network.config.is_encoder_decoder
    prefix = options.prefix if options.prefix is not None else PREFIXES.get(network.config.model_type, "")
    prompt = options.prompt if options.prompt is not None else "" if apart else PROMPT
    frame = framed(tokenizer, network)
    begin = frame["begin"] if apart else around(tokenizer, "text")[0]
    return {
        "max_text": options.max_text,
        "max_summary": options.max_summary,
        "windows": options.windows,
        "limit": options.max_summary + frame["more"],
        "begin": [*begin, *_plain(tokenizer, prefix)],
        "prompt": [*_plain(tokenizer, prompt), *frame["behind"]],
        "ends": [tokenizer.eos_token_id],
        "before": frame["before"],
        "lead": "" if apart else " ",
        "sampling": {name: getattr(options, name) for name in SAMPLING},
        "opening": frame["opening"],
    }


def _plain(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def window(settings: dict[str, Any], network: Any) -> tuple[int, int]:
    """Tokens of a prompt and its summary, or of an encoder-decoder model's source, and of its summary."""
    source = len(settings["begin"]) + settings["max_text"] + len(settings["prompt"])
    answer = settings["limit"] + 1
    size = source if settings["opening"] else source + answer
    said = f"task.max_text={settings['max_text']} and task.max_summary={settings['max_summary']}"
    return within_positions(network, size, answer, said)
