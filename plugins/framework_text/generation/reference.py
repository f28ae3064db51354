"""What transformers' own `generate` writes, which our decoding is held to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

PROMPTS, TOKENS = 20, 32  # answers compared in every export, and how long they are at most


def generated(network: Any, prompt: Sequence[int], limit: int, ends: Collection[int]) -> tuple[list[int], bool]:
    """Greedy tokens without the one that ended them, and whether one did; with transformers' own attention throughout."""
    ids = torch.tensor([list(prompt)], device=network.device)
    settings = GenerationConfig(max_new_tokens=limit, do_sample=False, eos_token_id=sorted(ends), pad_token_id=min(ends))
    ours = network.config._attn_implementation
    network.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            whole = network.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    finally:
        network.set_attn_implementation(ours)
    tokens = whole[0, len(prompt) :].tolist()
    place = next((place for place, token in enumerate(tokens) if token in ends), None)
    return (tokens, False) if place is None else (tokens[:place], True)
