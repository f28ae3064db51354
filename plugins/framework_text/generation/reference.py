"""The output of transformers' `generate`, the reference for our decoding."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

FORCED = ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
PROMPTS, TOKENS = 20, 32  # answers compared in every export, and tokens of an answer, both at most
TOGETHER = 5  # prompts of similar length in one batch of `generate`
SCORES = 5 << 20  # attention scores of a batch, for one head, at most: eager attention stores them all


def generated(
    network: Any, prompts: Sequence[Sequence[int]], limit: int, ends: Collection[int]
) -> list[tuple[list[int], bool]]:
    """The greedy answer to each prompt, without its end token, and whether an end token was chosen.

    Uses transformers' eager attention. An end token that is forced at the limit does not count as chosen.

    limit: tokens of an answer, forced ones included, at most. ends: end tokens.
    """
    apart, original = network.config.is_encoder_decoder, network.generation_config
    forced = {name: getattr(original, name, None) for name in FORCED} if apart else {}
    settings = GenerationConfig(
        max_new_tokens=limit, do_sample=False, num_beams=1, eos_token_id=sorted(ends), pad_token_id=min(ends), **forced
    )
    attention = network.config._attn_implementation
    network.set_attn_implementation("eager")
    network.generation_config = settings  # else `generate` would take beams and penalties from the original
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    answers: dict[int, tuple[list[int], bool]] = {}
    try:
        while order:
            count = max(1, min(TOGETHER, SCORES // len(prompts[order[0]]) ** 2))
            rows, order = order[:count], order[count:]
            ids, mask = _padded([prompts[row] for row in rows], settings.pad_token_id, first=not apart)
            with torch.no_grad():
                outputs = network.generate(
                    ids.to(network.device), attention_mask=mask.to(network.device), generation_config=settings
                )
            for row, tokens in zip(rows, outputs[:, 1 if apart else ids.shape[1] :].tolist(), strict=True):
                place = next((place for place, token in enumerate(tokens) if token in ends), None)
                stopped = place is not None and not (place == limit - 1 and forced.get("forced_eos_token_id") is not None)
                answers[row] = tokens[:place], stopped
    finally:
        network.set_attn_implementation(attention)
        network.generation_config = original
    return [answers[row] for row in range(len(prompts))]


def _padded(prompts: Sequence[Sequence[int]], pad: int, *, first: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, (prompts, longest). pad: id of the padding token. first: whether padding goes on the left, as
    decoder-only models need it.
    """
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        place = slice(longest - len(prompt), longest) if first else slice(0, len(prompt))
        ids[row, place] = torch.tensor(prompt)
        mask[row, place] = 1
    return ids, mask
