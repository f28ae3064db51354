"""The special tokens that an encoder-decoder model of transformers needs around source and answer."""

from __future__ import annotations

from typing import Any

from framework import InputError


def around(tokenizer: Any, role: str) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text. role: ``text``, or ``text_target`` where tokenizers treat it differently."""
    full, inner = (list(tokenizer(**{role: "a"}, add_special_tokens=special)["input_ids"]) for special in (True, False))
    start = next(place for place in range(len(full)) if full[place : place + len(inner)] == inner)
    return full[:start], full[start + len(inner) :]


def decoder_ids(network: Any) -> dict[str, int | None]:
    """The token that starts the decoder, and the tokens that `generate` forces; keys: see `Answering.decoder_ids`.

    Raises InputError where the backbone's config names no start token.
    """
    generation = network.generation_config
    start = generation.decoder_start_token_id
    if start is None:
        raise InputError("this backbone's config names no decoder_start_token_id, with which every answer begins")
    first, last = (getattr(generation, f"forced_{end}_token_id", None) for end in ("bos", "eos"))
    return {"start": start, "forced_first": first, "forced_last": last[0] if isinstance(last, list) else last}


def frame_settings(tokenizer: Any, network: Any) -> dict[str, Any]:
    """Settings of a codec for special tokens; empty for decoder-only models.

    prefix_ids, suffix_ids: tokens around the source. answer_prefix_ids: tokens before an answer in training.
    forced_token_count: number of forced tokens of an answer, which count in the limit of the answer. decoder_ids: see
    `Answering`; None for decoder-only models.
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


def within_positions(network: Any, window: int, answer: int, setting: str) -> tuple[int, int]:
    """Returns `window` and `answer`, in tokens, for `writer.graphs`.

    setting: the recipe's keys that set both, for the message. Raises InputError where the backbone has fewer positions.
    """
    config = network.config
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or window
    if max(window, answer) > longest:
        raise InputError(
            f"{setting} make {max(window, answer)} tokens with what stands around them, and this backbone takes {longest}: "
            "write fewer"
        )
    return window, answer
