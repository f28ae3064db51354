"""Evaluates a tagger: entity F1 as seqeval computes it, F1 of each label, kinds of mistakes, and the most confident ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from framework import Bars, Evaluation, Section, Series, Text, message, messages
from framework_labeling.metric import EntityScores, Score, score_spans, token_accuracy
from framework_labeling.rows import Sentence
from framework_labeling.schemes import Span, bio_tags

MISTAKES = 10
CONFUSIONS = 20
PROTOCOL = message("a span counts as right when its first token, last token and label all are (seqeval, conlleval)")
MISSED, NOTHING = messages("(missed)", "(nothing)")
OTHER_ENDS = message("right label, other ends")


@dataclass(frozen=True)
class Mistake:
    """A wrong predicted span, with the true span it overlaps, if any; or a true span that was missed."""

    row: int
    true: Span | None
    """None: no true span overlaps the predicted one."""
    predicted: Span | None
    """None: no predicted span overlaps the true one."""

    @property
    def kind(self) -> str:
        """What is wrong: the ends, the label, both, or that either span is missing."""
        if self.predicted is None:
            return message("missed")
        if self.true is None:
            return message("nothing is there")
        same = (self.true.start, self.true.end) == (self.predicted.start, self.predicted.end)
        if self.true.label == self.predicted.label:
            return OTHER_ENDS
        return message("right ends, other label") if same else message("other ends, other label")


def evaluate(predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], sentences: Sequence[Sentence]) -> Evaluation:
    """Metrics and sections of predicted spans.

    predicted, true: the spans of each row over its tokens, in order and without overlap. sentences: the rows.
    """
    scores = score_spans(predicted, true)
    tags, targets = (
        [bio_tags(spans, len(sentence.tokens)) for spans, sentence in zip(rows, sentences, strict=True)]
        for rows in (predicted, true)
    )
    metrics = {
        "entity_f1": scores.micro.f1,
        "entity_precision": scores.micro.precision,
        "entity_recall": scores.micro.recall,
        "macro_f1": scores.macro.f1,
        "token_accuracy": token_accuracy(tags, targets),
    }
    mistakes = [mistake for row, spans in enumerate(zip(predicted, true, strict=True)) for mistake in mistakes_of(row, *spans)]
    sections = [_per_label(scores), _kinds(mistakes, scores.micro), _confusions(mistakes), _worst(mistakes, sentences)]
    untested = [label for label, score in scores.labels.items() if not score.support]
    return Evaluation(metrics, sections, protocol=PROTOCOL, untested=untested)


def mistakes_of(row: int, predicted: Sequence[Span], true: Sequence[Span]) -> list[Mistake]:
    """The wrong predicted spans, each with the true span that it shares most tokens with, and the missed true spans.

    A true span is paired with one wrong prediction at most, and with none where it was predicted rightly.
    """
    unmatched = [span for span in true if span not in predicted]
    mistakes = []
    for span in predicted:
        if span in true:
            continue
        near = max(unmatched, key=lambda target: _shared(span, target), default=None)
        if near is not None and _shared(span, near) > 0:
            unmatched.remove(near)
            mistakes.append(Mistake(row, near, span))
        else:
            mistakes.append(Mistake(row, None, span))
    return [*mistakes, *(Mistake(row, span, None) for span in unmatched)]


def _shared(first: Span, second: Span) -> int:
    """How many tokens two spans share; 0 or less: none."""
    return min(first.end, second.end) - max(first.start, second.start)


def _per_label(scores: EntityScores) -> Section:
    order = sorted(scores.labels.items(), key=lambda item: (not item[1].support, item[1].f1, item[0]))
    rows = [(label, *_cells(score)) for label, score in order]
    rows += [
        (message("all spans (micro)"), *_cells(scores.micro)),
        (message("mean of labels (macro)"), *_cells(scores.macro)),
    ]
    tested = [(label, score) for label, score in order if score.support]
    f1 = Series("F1", [round(score.f1, 4) for _, score in tested])
    chart = Bars(message("F1 of each label"), [label for label, _ in tested], [f1])
    header = messages("label", "precision", "recall", "F1", "true spans", "predicted spans")
    return Section(message("Per label, the weakest first"), header, rows, PROTOCOL, charts=(chart,) if tested else ())


def _cells(score: Score) -> tuple[object, ...]:
    return (*(f"{value:.3f}" for value in (score.precision, score.recall, score.f1)), score.support, score.predicted)


def _kinds(mistakes: Sequence[Mistake], micro: Score) -> Section:
    counts = Counter(mistake.kind for mistake in mistakes)
    rows = [(kind, count) for kind, count in counts.most_common()]
    note = message("of {true:,} true and {predicted:,} predicted spans", true=micro.support, predicted=micro.predicted)
    return Section(message("Kinds of mistakes"), messages("mistake", "spans"), rows, note if rows else message("none"))


def _confusions(mistakes: Sequence[Mistake]) -> Section:
    counts = Counter(
        (m.true.label if m.true else NOTHING, m.predicted.label if m.predicted else MISSED)
        for m in mistakes
        if m.kind != OTHER_ENDS
    )
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CONFUSIONS]
    rows = [(*pair, count) for pair, count in order]
    return Section(message("Most frequent confusions"), messages("is", "called", "spans"), rows)


def _worst(mistakes: Sequence[Mistake], sentences: Sequence[Sentence]) -> Section:
    wrong = [(m.predicted, m) for m in mistakes if m.predicted is not None]
    shown = sorted(wrong, key=lambda pair: -pair[0].score)[:MISTAKES]
    rows = []
    for span, mistake in shown:
        sentence = sentences[mistake.row]
        true = Text(f"{mistake.true.label}: {_text(sentence, mistake.true)}") if mistake.true else NOTHING
        called = Text(f"{span.label}: {_text(sentence, span)}")
        text = Text(" ".join(sentence.tokens))
        rows.append((text, true, called, f"{span.score:.2f}", sentence.line))
    note = message("{count:,} predicted spans are wrong", count=len(wrong)) if rows else message("none")
    header = messages("text", "is", "called", "probability", "line")
    return Section(message("Most confident mistakes"), header, rows, note, about=[mistake.row for _, mistake in shown])


def _text(sentence: Sentence, span: Span) -> str:
    return " ".join(sentence.tokens[span.start : span.end])
