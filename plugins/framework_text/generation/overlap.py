"""How alike texts are, how varied they are, and how likely a model holds them, in any script."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from framework import Response

# Thai, Lao, Burmese, Khmer, Japanese and Chinese; and what stands within words of Hebrew, Arabic and the scripts of India
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
WORD = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])(?:[^\W_]|[{MARKS}]))+")
LARGEST = 700.0  # nats a token: exp of more is no float


def words(text: str) -> list[str]:
    """Letters and digits between anything else, in lower case; of scripts without spaces each character by itself."""
    return WORD.findall(text.lower())


def rouge(found: Sequence[str], given: Sequence[Sequence[str]], keys: Sequence[str]) -> dict[str, float]:
    """F-measures of `rouge1`, `rouge2`, `rougeL` (Lin 2004), the mean over rows, against the likest of several references."""
    from torchmetrics.functional.text import rouge_score  # which imports torch

    scores = rouge_score(found, given, "best", normalizer=str, tokenizer=words, rouge_keys=tuple(keys))
    return {key: float(scores[f"{key}_fmeasure"]) for key in keys}


def distinct(texts: Sequence[str], size: int) -> float:
    """Different n-grams of words over all n-grams (Li et al. 2016)."""
    grams = [tuple(said[i : i + size]) for said in map(words, texts) for i in range(len(said) - size + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def words_each(texts: Sequence[str]) -> float:
    return sum(len(words(text)) for text in texts) / len(texts)


def perplexity(responses: Sequence[Response], tokens: str) -> dict[str, float]:
    """Of a token of the given answers, where the responses say how likely these are. tokens: the key that counts them."""
    if not all("nats" in response for response in responses):
        return {}
    nats = sum(response["nats"] for response in responses) / sum(response[tokens] for response in responses)
    return {"perplexity": math.exp(min(LARGEST, nats))}
