"""What transformers' own `generate` writes, which our decoding is held to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

FORCED = ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
PROMPTS, TOKENS = 20, 32  # answers compared in every export, and how long they are at most


def generated(network: Any, prompt: Sequence[int], limit: int, ends: Collection[int]) -> tuple[list[int], bool]:
    """Greedy tokens without the one that ended them, and whether one did; with transformers' own attention throughout.

    One that is forced where the limit is reached ends nothing. limit: of tokens chosen, forced ones among them.
    """
    ids = torch.tensor([list(prompt)], device=network.device)
    apart, own = network.config.is_encoder_decoder, network.generation_config
    forced = {name: getattr(own, name, None) for name in FORCED} if apart else {}
    settings = GenerationConfig(
        max_new_tokens=limit, do_sample=False, num_beams=1, eos_token_id=sorted(ends), pad_token_id=min(ends), **forced
    )
    ours = network.config._attn_implementation
    network.set_attn_implementation("eager")
    network.generation_config = settings  # which would fill in what is not set here: beams, penalties
    try:
        with torch.no_grad():
            whole = network.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    finally:
        network.set_attn_implementation(ours)
        network.generation_config = own
    tokens = whole[0, 1 if apart else len(prompt) :].tolist()
    place = next((place for place, token in enumerate(tokens) if token in ends), None)
    if place is None:
        return tokens, False
    return tokens[:place], not (place == limit - 1 and forced.get("forced_eos_token_id") is not None)
