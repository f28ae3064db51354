"""What transformers' own `generate` writes, which our decoding is held to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

FORCED = ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
PROMPTS, TOKENS = 20, 32  # answers compared in every export, and how long they are at most
TOGETHER = 5  # prompts that `generate` continues at once, those most alike in length
SCORES = 5 << 20  # attention scores of all of them, for one head: eager attention holds them


def generated(
    network: Any, prompts: Sequence[Sequence[int]], limit: int, ends: Collection[int]
) -> list[tuple[list[int], bool]]:
    """Of each prompt the greedy tokens without the one that ended them, and whether one did; with transformers' own attention.

    One that is forced where the limit is reached ends nothing. limit: of tokens chosen, forced ones among them.
    """
    apart, own = network.config.is_encoder_decoder, network.generation_config
    forced = {name: getattr(own, name, None) for name in FORCED} if apart else {}
    settings = GenerationConfig(
        max_new_tokens=limit, do_sample=False, num_beams=1, eos_token_id=sorted(ends), pad_token_id=min(ends), **forced
    )
    ours = network.config._attn_implementation
    network.set_attn_implementation("eager")
    network.generation_config = settings  # which would fill in what is not set here: beams, penalties
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    found: dict[int, tuple[list[int], bool]] = {}
    try:
        while order:
            count = max(1, min(TOGETHER, SCORES // len(prompts[order[0]]) ** 2))
            rows, order = order[:count], order[count:]
            ids, mask = _padded([prompts[row] for row in rows], settings.pad_token_id, first=not apart)
            with torch.no_grad():
                whole = network.generate(
                    ids.to(network.device), attention_mask=mask.to(network.device), generation_config=settings
                )
            for row, tokens in zip(rows, whole[:, 1 if apart else ids.shape[1] :].tolist(), strict=True):
                place = next((place for place, token in enumerate(tokens) if token in ends), None)
                stopped = place is not None and not (place == limit - 1 and forced.get("forced_eos_token_id") is not None)
                found[row] = tokens[:place], stopped
    finally:
        network.set_attn_implementation(ours)
        network.generation_config = own
    return [found[row] for row in range(len(prompts))]


def _padded(prompts: Sequence[Sequence[int]], pad: int, *, first: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and mask (prompts, longest). first: padding stands before the tokens, as decoders that go on from them need it."""
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        place = slice(longest - len(prompt), longest) if first else slice(0, len(prompt))
        ids[row, place] = torch.tensor(prompt)
        mask[row, place] = 1
    return ids, mask
