"""Answers against those that were given: overlap, how likely the model holds them, and how varied it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torchmetrics.functional.text import chrf_score

import framework
from framework import Evaluation, Response, Section, Table, Text
from framework_text.generation.overlap import distinct, perplexity, rouge, words_each
from framework_text.generation.templates import Message

SHOWN = 6  # rows of which the answer is shown


def evaluate(responses: Sequence[Response], table: Table) -> Evaluation:
    """chrf: character n-gram F-score (Popovic 2015; chrF2 of sacrebleu) over all answers. rouge_l: F-measure, the mean over
    rows (Lin 2004). Both compare with all answers that were given to the same conversation: the likest counts.

    perplexity: of a token of the given answers, where the candidate is a language model. distinct_1, distinct_2: the share
    of words and pairs of words that are different ones (Li et al. 2016). words: of an answer, on average.
    """
    contents, expected = [response["content"] for response in responses], list(table.texts("answer"))
    conversations = [tuple((one["role"], one["content"]) for one in messages) for messages in table.records("messages")]
    accepted: dict[object, list[str]] = defaultdict(list)
    for conversation, answer in zip(conversations, expected, strict=True):
        accepted[conversation].append(answer)
    references = [accepted[conversation] for conversation in conversations]
    metrics = {
        "chrf": float(torch.as_tensor(chrf_score(contents, references, n_word_order=0))),
        "rouge_l": rouge(contents, references, ["rougeL"])["rougeL"],
        "distinct_1": distinct(contents, 1),
        "distinct_2": distinct(contents, 2),
        "words": words_each(contents),
        "ended": sum(response["finish_reason"] == "stop" for response in responses) / len(responses),
        **perplexity(responses, "answer_tokens"),
    }
    rows = [
        (Text(_last(messages)), Text(reference), Text(answer))
        for messages, reference, answer in list(zip(table.records("messages"), expected, contents, strict=True))[:SHOWN]
    ]
    protocol = framework.message(
        "The given answers have {words:.1f} words on average. chrf counts what an answer lacks four times as "
        "much as what it has too much: one much shorter than the given one scores low, however right it is.",
        words=words_each(expected),
    )
    header = framework.messages("last message", "given answer", "answer")
    return Evaluation(metrics, [Section(framework.message("Answers to test rows"), header, rows)], protocol)


def _last(messages: Sequence[Message]) -> str:
    return str(messages[-1]["content"])[:300]
