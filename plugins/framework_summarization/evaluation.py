"""ROUGE of summaries against one or several references (Lin 2004)."""

from __future__ import annotations

from collections.abc import Sequence

from framework import Evaluation, Response, Section, Table, Text, message, messages
from framework_summarization.codec import as_text, references
from framework_text.generation.overlap import perplexity, rouge, words_each

KEYS = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
SHOWN = 5  # summaries shown in the report


def evaluate(responses: Sequence[Response], table: Table) -> Evaluation:
    """Metrics and examples of summaries.

    rouge_1, rouge_2, rouge_l: F-measures, mean over rows, against the best match among a row's references. perplexity: of the
    first references, per token, for language models. words: mean number of words of a summary. complete: share of summaries
    that were not cut at a limit.
    """
    summaries = [response["summary"] for response in responses]
    expected = [references(value) for value in table.texts("summary")]
    scores = rouge(summaries, expected, list(KEYS.values()))
    metrics = {
        **{name: scores[key] for name, key in KEYS.items()},
        "words": words_each(summaries),
        "complete": sum(response["complete"] for response in responses) / len(responses),
        **perplexity(responses, "summary_tokens"),
    }
    rows = [
        (Text(as_text(text)[:400]), Text(reference[0]), Text(summary))
        for text, reference, summary in zip(table.texts("text")[:SHOWN], expected, summaries, strict=False)
    ]
    header = messages("text", "reference", "summary")
    return Evaluation(metrics, [Section(message("Summaries of test rows"), header, rows)])
