"""Judges answers to rows: their spans, the metrics, and what each row contributes to these."""

from __future__ import annotations

from collections.abc import Sequence

from framework import Answers, Contributions, Evaluation, InputError, Table
from framework_labeling.codec import TaggingCodec
from framework_labeling.contributions import contributions
from framework_labeling.data import sentences_of
from framework_labeling.evaluation import evaluate
from framework_labeling.responses import spans_over_tokens
from framework_labeling.rows import Sentence
from framework_labeling.schemes import BIO, PLAIN, Scheme, Span, spans_of

Spans = Sequence[Sequence[Span]]


def judge(answers: Answers, rows: Table) -> Evaluation:
    """Metrics and sections of the answers.

    Raises InputError for a codec that does not answer with tags, and naming rows whose tags are not in the codec's scheme.
    """
    return evaluate(*_predicted_and_true(answers, rows))


def contributions_of(answers: Answers, rows: Table) -> Contributions:
    """What each row adds to the metrics. Raises InputError as `judge` does."""
    predicted, true, _ = _predicted_and_true(answers, rows)
    return contributions(predicted, true)


def _predicted_and_true(answers: Answers, rows: Table) -> tuple[Spans, Spans, Sequence[Sentence]]:
    """The predicted and the true spans of each row, and the rows as sentences. Raises InputError as `judge` does."""
    codec = answers.codec
    if not isinstance(codec, TaggingCodec):
        raise InputError(f"{type(codec).__name__} does not answer with tags; a codec of labeling is a TaggingCodec")
    sentences = sentences_of(rows, codec.scheme)
    model_scheme = Scheme(PLAIN) if codec.plain else BIO
    predicted = [spans_over_tokens(response, codec.plain) for response in answers.responses]
    return predicted, [spans_of(sentence.tags, model_scheme) for sentence in sentences], sentences
