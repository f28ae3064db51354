"""Answers against those that were given: overlap, how likely the model holds them, and how varied it is."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torchmetrics.functional.text import chrf_score, rouge_score

from framework import Evaluation, Response, Section, Table, Text

SHOWN = 6  # rows of which the answer is shown


def evaluate(responses: Sequence[Response], table: Table, facts: Mapping[str, Any]) -> Evaluation:
    """chrf: character n-gram F-score (Popovic 2015; chrF2 of sacrebleu) over all answers. rouge_l: F-measure, the mean over
    rows (Lin 2004). Both compare with all answers that were given to the same conversation: the likest counts.

    perplexity: of a token of the given answers, where the candidate is a language model. distinct_1, distinct_2: the share
    of words and pairs of words that are different ones (Li et al. 2016). words: of an answer, on average.
    """
    said, given = [response["content"] for response in responses], list(table.columns["answer"])
    accepted: dict[str, list[str]] = defaultdict(list)
    for messages, answer in zip(table.columns["messages"], given, strict=True):
        accepted[messages].append(answer)
    references = [accepted[messages] for messages in table.columns["messages"]]
    metrics = {
        "chrf": float(torch.as_tensor(chrf_score(said, references, n_word_order=0))),
        "rouge_l": float(rouge_score(said, references, accumulate="best", rouge_keys="rougeL")["rougeL_fmeasure"]),
        "distinct_1": distinct(said, 1),
        "distinct_2": distinct(said, 2),
        "words": sum(len(one.split()) for one in said) / len(said),
        "ended": sum(response["finish_reason"] == "stop" for response in responses) / len(responses),
    }
    if all("nats" in response for response in responses):
        tokens = sum(response["answer_tokens"] for response in responses)
        metrics["perplexity"] = math.exp(min(700.0, sum(response["nats"] for response in responses) / tokens))
    rows = [
        (Text(_last(messages)), Text(reference), Text(answer))
        for messages, reference, answer in list(zip(table.columns["messages"], given, said, strict=True))[:SHOWN]
    ]
    words = sum(len(one.split()) for one in given) / len(given)
    protocol = (
        f"The given answers have {words:.1f} words on average. chrf counts what an answer lacks four times as much as what it "
        "has too much: one much shorter than the given one scores low, however right it is."
    )
    return Evaluation(metrics, [Section("Answers to test rows", ("last message", "given answer", "answer"), rows)], protocol)


def distinct(texts: Sequence[str], size: int) -> float:
    """Different n-grams of words over all n-grams."""
    grams = [tuple(words[i : i + size]) for words in map(str.split, texts) for i in range(len(words) - size + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _last(messages: str) -> str:
    return str(json.loads(messages)[-1]["content"])[:300]
