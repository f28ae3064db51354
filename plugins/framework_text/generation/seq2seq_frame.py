"""What an encoder-decoder model of transformers wants around what it reads and writes."""

from __future__ import annotations

from typing import Any

from framework import InputError


def around(tokenizer: Any, role: str) -> tuple[list[int], list[int]]:
    """The special tokens before and behind a text. role: text, or text_target, which some tokenizers begin in another way."""
    whole, inner = (list(tokenizer(**{role: "a"}, add_special_tokens=special)["input_ids"]) for special in (True, False))
    start = next(place for place in range(len(whole)) if whole[place : place + len(inner)] == inner)
    return whole[:start], whole[start + len(inner) :]


def decoder_ids(network: Any) -> dict[str, int | None]:
    """The token that starts the decoder, and those that `generate` would force: `Answering.decoder_ids`."""
    generation = network.generation_config
    start = generation.decoder_start_token_id
    if start is None:
        raise InputError("this backbone's config names no decoder_start_token_id, with which every answer begins")
    first, last = (getattr(generation, f"forced_{end}_token_id", None) for end in ("bos", "eos"))
    return {"start": start, "forced_first": first, "forced_last": last[0] if isinstance(last, list) else last}


def framed(tokenizer: Any, network: Any) -> dict[str, Any]:
    """Settings of a codec. prefix_ids, suffix_ids: tokens around what is read. answer_prefix_ids: those that begin an answer as
    it is learned. forced_token_count: tokens chosen beside an answer's own, since they are forced. decoder_ids: see
    `Answering`; None of a decoder alone.
    """
    if not network.config.is_encoder_decoder:
        return {"decoder_ids": None, "prefix_ids": [], "suffix_ids": [], "answer_prefix_ids": [], "forced_token_count": 0}
    (prefix, suffix), (answer_prefix, _) = around(tokenizer, "text"), around(tokenizer, "text_target")
    forced = decoder_ids(network)
    return {
        "decoder_ids": forced,
        "prefix_ids": prefix,
        "suffix_ids": suffix or [tokenizer.eos_token_id],
        "answer_prefix_ids": answer_prefix,
        "forced_token_count": len(answer_prefix) + (forced["forced_last"] is not None),
    }


def within_positions(network: Any, window: int, answer: int, said: str) -> tuple[int, int]:
    """Window and answer, as `graphs` takes them. said: what of the recipe makes them. Raises InputError where the backbone's
    positions are fewer.
    """
    config = network.config
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or window
    if max(window, answer) > longest:
        raise InputError(
            f"{said} make {max(window, answer)} tokens with what stands around them, and this backbone takes {longest}: "
            "write fewer"
        )
    return window, answer
