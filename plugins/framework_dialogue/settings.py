"""How a conversation becomes a prompt: what is frozen into the codec's settings. No torch."""

from __future__ import annotations

from typing import Any

from framework_dialogue import Dialogue
from framework_text.generation.offline_tokenizer import framed, within_positions
from framework_text.generation.templates import frozen


def settings_of(tokenizer: Any, network: Any, options: Dialogue) -> dict[str, Any]:
    """The codec's: how a conversation becomes a prompt is frozen here."""
    template = frozen(tokenizer, apart=network.config.is_encoder_decoder)
    ends = sorted({template["end"], tokenizer.eos_token_id} - {None})
    return {
        **template,
        **framed(tokenizer, network),
        "ends": ends,
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


def window(settings: dict[str, Any], network: Any) -> tuple[int, int]:
    """Tokens of a conversation and its answer, or of an encoder-decoder model's source, and of its answer."""
    answer = settings["max_answer"] + settings["more"] + 1
    size = settings["max_context"] + (0 if settings["opening"] else answer)
    said = f"task.max_context={settings['max_context']} and task.max_answer={settings['max_answer']}"
    return within_positions(network, size, answer, said)
