"""Answers against those that were given: overlap, how likely the model holds them, and how varied it is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torchmetrics.functional.text import chrf_score

from framework import Evaluation, Response, Section, Table, Text
from framework_text.generation.overlap import distinct, perplexity, rouge, words_each

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
        "rouge_l": rouge(said, references, ["rougeL"])["rougeL"],
        "distinct_1": distinct(said, 1),
        "distinct_2": distinct(said, 2),
        "words": words_each(said),
        "ended": sum(response["finish_reason"] == "stop" for response in responses) / len(responses),
        **perplexity(responses, "answer_tokens"),
    }
    rows = [
        (Text(_last(messages)), Text(reference), Text(answer))
        for messages, reference, answer in list(zip(table.columns["messages"], given, said, strict=True))[:SHOWN]
    ]
    protocol = (
        f"The given answers have {words_each(given):.1f} words on average. chrf counts what an answer lacks four times as "
        "much as what it has too much: one much shorter than the given one scores low, however right it is."
    )
    return Evaluation(metrics, [Section("Answers to test rows", ("last message", "given answer", "answer"), rows)], protocol)


def _last(messages: str) -> str:
    return str(json.loads(messages)[-1]["content"])[:300]
