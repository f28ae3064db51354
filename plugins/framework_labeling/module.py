"""The LightningModule of taggers: cross entropy over the first token of each word, validated by the decoded spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics import Metric

from framework_labeling.decoding import allowed_transitions, decode
from framework_labeling.schemes import BIO, PLAIN, Scheme, Span, spans_of
from framework_text.encoder import IGNORED, EncoderModule
from framework_text.options import FineTuning


class Tagger(EncoderModule):
    """Logs train_loss, val_loss, val_entity_f1, val_macro_f1 and val_token_accuracy."""

    def __init__(self, model: Any, tags: Sequence[str], options: FineTuning, *, plain: bool) -> None:
        """tags: in the order of the logits. plain: every token has a tag of its own; otherwise the tags are BIO."""
        super().__init__(model, options)
        self.spans = SpanScores(tags, plain=plain)

    def judge(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        for row, targets in zip(logits, labels, strict=True):
            counted = targets != IGNORED
            self.spans.update(row[counted], targets[counted])

    def on_validation_epoch_end(self) -> None:
        for name, value in self.spans.compute().items():
            self.log(f"val_{name}", value, prog_bar=name == "entity_f1")
        self.spans.reset()


class SpanScores(Metric):
    """Micro F1 of spans, the mean of the labels' F1, and token accuracy, summed over the ranks of a distributed run.

    Spans are decoded as the codec decodes them, from the most probable tags that BIO allows. Every window of a long text counts
    as a text.
    """

    counts: torch.Tensor
    tokens: torch.Tensor

    def __init__(self, tags: Sequence[str], *, plain: bool) -> None:
        super().__init__()
        self.tags = list(tags)
        self.plain = plain
        self.scheme = Scheme(PLAIN) if plain else BIO
        self.begins, self.follows = allowed_transitions([] if plain else tags)
        labels = sorted({span.label for tag in tags for span in spans_of([tag], self.scheme)})
        self.places = {label: place for place, label in enumerate(labels)}
        self.add_state("counts", torch.zeros(len(labels), 3, dtype=torch.int64), dist_reduce_fx="sum")  # right, predicted, true
        self.add_state("tokens", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")  # right, all

    def update(self, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Counts the spans and tokens of one text. logits: (words, tags). targets: (words,)."""
        probabilities = logits.float().softmax(-1).cpu().numpy()
        numbers = probabilities.argmax(1).tolist() if self.plain else decode(probabilities, self.begins, self.follows)
        true = targets.cpu().numpy()
        predicted, expected = set(self._spans(numbers)), set(self._spans(true.tolist()))
        counts = np.zeros(self.counts.shape, np.int64)
        for column, spans in enumerate((predicted & expected, predicted, expected)):
            for span in spans:
                counts[self.places[span.label], column] += 1
        self.counts += torch.from_numpy(counts).to(self.counts.device)
        right = int((np.asarray(numbers, dtype=np.int64) == true).sum())
        self.tokens += torch.tensor([right, len(true)], device=self.tokens.device)

    def _spans(self, numbers: Sequence[int]) -> list[Span]:
        return spans_of([self.tags[number] for number in numbers], self.scheme)

    def compute(self) -> dict[str, torch.Tensor]:
        """The metrics of all texts so far, by name; labels that occur nowhere do not count."""
        right, predicted, true = self.counts.double().unbind(1)
        occurring = (predicted + true) > 0
        f1 = 2 * right[occurring] / (predicted + true)[occurring]
        micro = 2 * right.sum() / (predicted + true).sum().clamp(min=1)
        accuracy = self.tokens[0] / self.tokens[1].clamp(min=1)
        macro = f1.mean() if len(f1) else micro
        return {"entity_f1": micro.float(), "macro_f1": macro.float(), "token_accuracy": accuracy.float()}
