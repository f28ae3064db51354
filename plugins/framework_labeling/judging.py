"""Answers to rows as spans, and how good they are."""

from __future__ import annotations

from framework import Answers, Evaluation, InputError, Table
from framework_labeling.codec import TaggingCodec
from framework_labeling.data import sentences_of
from framework_labeling.evaluation import evaluate
from framework_labeling.responses import spans_over_tokens
from framework_labeling.schemes import BIO, PLAIN, Scheme, spans_of


def judge(answers: Answers, rows: Table) -> Evaluation:
    """The codec knows the scheme in which the rows' tags are written. Raises InputError naming rows in another one."""
    codec = answers.codec
    if not isinstance(codec, TaggingCodec):
        raise InputError(f"{type(codec).__name__} does not answer with tags; a codec of labeling is a TaggingCodec")
    sentences = sentences_of(rows, codec.scheme)
    reading = Scheme(PLAIN) if codec.plain else BIO
    predicted = [spans_over_tokens(response, codec.plain) for response in answers.responses]
    return evaluate(predicted, [spans_of(sentence.tags, reading) for sentence in sentences], sentences)
