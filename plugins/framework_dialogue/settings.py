"""The settings of the dialogue codec: how a conversation becomes a prompt. No torch."""

from __future__ import annotations

from typing import Any

from framework import Settings
from framework_dialogue import Dialogue
from framework_text.generation.seq2seq_frame import frame_settings, within_positions
from framework_text.generation.templates import frozen


def settings_of(tokenizer: Any, network: Any, options: Dialogue) -> dict[str, Any]:
    """The codec's settings, which are sealed in the artifact. Raises InputError where no token ends an answer."""
    template = frozen(tokenizer, apart=network.config.is_encoder_decoder)
    return {
        **template,
        **frame_settings(tokenizer, network),
        "end_ids": sorted({template["end_id"], tokenizer.eos_token_id} - {None}),
        "max_context": options.max_context,
        "max_answer": options.max_answer,
        "system": options.system,
        "roles": dict(options.roles or {}),
        "sampling": {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "repetition_penalty": options.repetition_penalty,
        },
    }


def window(settings: Settings, network: Any) -> tuple[int, int]:
    """See `Prompting.window`."""
    answer = settings["max_answer"] + settings["forced_token_count"] + 1
    size = settings["max_context"] + (0 if settings["decoder_ids"] else answer)
    setting = f"task.max_context={settings['max_context']} and task.max_answer={settings['max_answer']}"
    return within_positions(network, size, answer, setting)
