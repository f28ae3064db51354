"""Text classification: one text, one label of any number of classes, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from framework import NAMES_AS_WRITTEN, Candidate, Column, Metric, Task, hookimpl
from framework_text.options import FineTuning


@dataclass
class Classification:
    """Options of `task: classification`."""

    labels: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)  # None: read from the training rows
    max_length: int = 128  # tokens; longer texts are cut
    class_weights: bool = False  # weigh the loss by inverse class frequency
    abstain_precision: Optional[float] = None  # 0.95: answers less sure than a threshold, chosen for this, are marked


MAJORITY = Candidate("majority class", fit="framework_classification.baselines:majority", baseline=True)
TFIDF = Candidate("TF-IDF + logistic regression", fit="framework_classification.baselines:tfidf_linear", baseline=True)
FINE_TUNED = Candidate(
    "fine-tuned encoder",
    fit="framework_classification.fine_tuned:fit",
    options=FineTuning,
    check="framework_classification.validation:problems",
    ready="framework_classification.validation:ready",
)


@hookimpl
def register_tasks(register: Callable[[Task], None]) -> None:
    register(
        Task(
            "classification",
            options=Classification,
            columns=(
                Column("text", ("text", "review", "sentence", "tweet", "comment", "utterance", "content", "query"), "text"),
                Column("label", ("label", "sentiment", "category", "class", "intent", "target"), "category", target=True),
            ),
            metric=Metric("macro_f1"),
            data="framework_classification.data:prepare",
            evaluate="framework_classification.evaluation:evaluate",
            codec="framework_classification.codec:ClassificationCodec",
            candidates=(MAJORITY, TFIDF, FINE_TUNED),
            inspect="framework_classification.preview:inspect",
            loss="nll",
            refit="framework_classification.calibration:refit",
        )
    )
