"""Metrics of generated texts in any script: ROUGE, distinct n-grams, perplexity."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from framework import Response

# Thai, Lao, Burmese, Khmer, Japanese and Chinese; and marks within words of Hebrew, Arabic and the scripts of India
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
WORD = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])(?:[^\W_]|[{MARKS}]))+")
LARGEST = 700.0  # nats a token: exp of more overflows a float


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits; in scripts without spaces, single characters."""
    return WORD.findall(text.lower())


def rouge(texts: Sequence[str], references: Sequence[Sequence[str]], keys: Sequence[str]) -> dict[str, float]:
    """Mean over texts of the F-measures of ROUGE (Lin 2004), each against the best matching one of a text's references.

    keys: of `rouge1`, `rouge2` and `rougeL`.
    """
    from torchmetrics.functional.text import rouge_score  # which imports torch

    scores = rouge_score(texts, references, "best", normalizer=str, tokenizer=words, rouge_keys=tuple(keys))
    return {key: float(scores[f"{key}_fmeasure"]) for key in keys}


def distinct(texts: Sequence[str], size: int) -> float:
    """The number of distinct n-grams of words, divided by that of all (Li et al. 2016); 0 without n-grams. size: n."""
    grams = [tuple(text[i : i + size]) for text in map(words, texts) for i in range(len(text) - size + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def words_each(texts: Sequence[str]) -> float:
    """The mean number of words of a text."""
    return sum(len(words(text)) for text in texts) / len(texts)


def perplexity(responses: Sequence[Response], tokens: str) -> dict[str, float]:
    """The perplexity of reference answers, per token, under the key ``perplexity``; empty where a response has no `nats`.

    tokens: the key of a response that holds the number of tokens of the reference answer.
    """
    if not all("nats" in response for response in responses):
        return {}
    nats = sum(response["nats"] for response in responses) / sum(response[tokens] for response in responses)
    return {"perplexity": math.exp(min(LARGEST, nats))}
