"""Metrics of answers: overlap with the reference answers, perplexity of these, and diversity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torchmetrics.functional.text import chrf_score

import framework
from framework import Evaluation, Response, Section, Table, Text
from framework_text.generation.overlap import distinct, perplexity, rouge, words_each
from framework_text.generation.templates import Message

SHOWN = 6  # answers shown in the report


def evaluate(responses: Sequence[Response], table: Table) -> Evaluation:
    """Metrics and examples of answers.

    chrf: character n-gram F-score over all answers (Popovic 2015; chrF2 of sacrebleu). rouge_l: F-measure, mean over rows (Lin
    2004). Both take the best match among all reference answers to the same conversation.
    perplexity: of the reference answers, per token, for language models. distinct_1, distinct_2: share of distinct words and
    word pairs (Li et al. 2016). words: mean number of words of an answer. ended: share of answers that were not cut at a limit.
    """
    contents, expected = [response["content"] for response in responses], list(table.texts("answer"))
    conversations = [tuple((turn["role"], turn["content"]) for turn in messages) for messages in table.records("messages")]
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
