"""ROUGE of summaries against one or several references (Lin 2004)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torchmetrics.functional.text import rouge_score

from framework import Evaluation, Response, Section, Table, Text
from framework_summarization.codec import as_text, references

KEYS = {"rouge_1": "rouge1_fmeasure", "rouge_2": "rouge2_fmeasure", "rouge_l": "rougeL_fmeasure"}
SHOWN = 5  # rows of which the summary is shown


def evaluate(responses: Sequence[Response], table: Table, facts: Mapping[str, Any]) -> Evaluation:
    """rouge_1, rouge_2, rouge_l: F-measures, the mean over rows, against the best match of several references.

    perplexity: of a token of the first references, where the candidate is a language model. words: of a summary, on average.
    complete: the share that ended by itself.
    """
    summaries = [response["summary"] for response in responses]
    expected = [references(value) for value in table.columns["summary"]]
    scores = rouge_score(summaries, expected, accumulate="best", rouge_keys=("rouge1", "rouge2", "rougeL"))
    metrics = {name: float(scores[key]) for name, key in KEYS.items()}
    metrics["words"] = sum(len(summary.split()) for summary in summaries) / len(summaries)
    metrics["complete"] = sum(response["complete"] for response in responses) / len(responses)
    if all("nats" in response for response in responses):
        tokens = sum(response["summary_tokens"] for response in responses)
        metrics["perplexity"] = math.exp(min(700.0, sum(response["nats"] for response in responses) / tokens))
    rows = [
        (Text(as_text(text)[:400]), Text(one[0]), Text(summary))
        for text, one, summary in zip(table.columns["text"][:SHOWN], expected, summaries, strict=False)
    ]
    return Evaluation(metrics, [Section("Summaries of test rows", ("text", "reference", "summary"), rows)])
