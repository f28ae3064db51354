"""The settings of the summarization codec: how a text becomes a prompt. No torch."""

from __future__ import annotations

from typing import Any

from framework import InputError, Settings
from framework_summarization import Summarization
from framework_text.generation.seq2seq_frame import around, frame_settings, within_positions

PREFIXES = {"t5": "summarize:"}  # by model type, as in its pretraining (Raffel et al. 2020)
PROMPT = "\n\nSummary:"
SAMPLING = ("beams", "length_penalty", "repetition_penalty", "no_repeat_ngram")


def settings_of(tokenizer: Any, network: Any, options: Summarization) -> dict[str, Any]:
    """The codec's settings, which are sealed in the artifact. Raises InputError where no token ends a text."""
    if tokenizer.eos_token_id is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no summary would end")
    apart = network.config.is_encoder_decoder
    prefix = options.prefix if options.prefix is not None else PREFIXES.get(network.config.model_type, "")
    prompt = options.prompt if options.prompt is not None else "" if apart else PROMPT
    frame = frame_settings(tokenizer, network)
    begins = frame["prefix_ids"] if apart else around(tokenizer, "text")[0]
    return {
        "max_text": options.max_text,
        "max_summary": options.max_summary,
        "windows": options.windows,
        "max_new_tokens": options.max_summary + frame["forced_token_count"],
        "prefix_ids": [*begins, *_plain(tokenizer, prefix)],
        "suffix_ids": [*_plain(tokenizer, prompt), *frame["suffix_ids"]],
        "end_ids": [tokenizer.eos_token_id],
        "answer_prefix_ids": frame["answer_prefix_ids"],
        "answer_prefix": "" if apart else " ",
        "sampling": {name: getattr(options, name) for name in SAMPLING},
        "decoder_ids": frame["decoder_ids"],
    }


def _plain(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def window(settings: Settings, network: Any) -> tuple[int, int]:
    """See `Prompting.window`."""
    source = len(settings["prefix_ids"]) + settings["max_text"] + len(settings["suffix_ids"])
    answer = settings["max_new_tokens"] + 1
    size = source if settings["decoder_ids"] else source + answer
    setting = f"task.max_text={settings['max_text']} and task.max_summary={settings['max_summary']}"
    return within_positions(network, size, answer, setting)
