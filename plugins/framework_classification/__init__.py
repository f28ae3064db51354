"""Text classification: of each text one label, or any number of labels, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from framework import AS_WRITTEN, NAMES_AS_WRITTEN, hookimpl

TASK = "classification"
SEVERAL = "multilabel"


@dataclass
class Classification:
    """Options of `task: classification`."""

    labels: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)
    """Every label, in the order of the model's outputs; None: those of the training rows."""
    max_length: int = 128
    """Tokens; longer texts are truncated."""
    class_weights: bool = False
    """Weight the loss by inverse class frequency."""
    abstain_precision: Optional[float] = None
    """Precision of the answers that do not abstain, above 0 and at most 1; None: no answer abstains."""
    refuse_known: Optional[float] = 0.05
    """Share of the texts of known classes that may be called unfamiliar, above 0 and at most 0.5; None: no answer says whether
    its text is familiar."""
    out_of_scope: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    """The label of rows that belong to no class: no model learns it, and the familiarity of its rows tells where known texts
    end. ``auto``: the label that is called so, such as oos or none_of_the_above; None: every label is a class."""


@dataclass
class Multilabel:
    """Options of `task: multilabel`."""

    labels: Optional[list[str]] = field(default=None, metadata=NAMES_AS_WRITTEN)
    """Every label, in the order of the model's outputs; None: those of the training rows."""
    max_length: int = 128
    """Tokens; longer texts are truncated."""


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register(TASK, "framework_classification.task:ClassificationTask")
    register(SEVERAL, "framework_classification.multilabel.task:MultilabelTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    for name in ("Majority", "LinearCandidate", "StaticCandidate", "FrozenCandidate", "FineTunedCandidate"):
        register(TASK, f"framework_classification.candidates:{name}")
    for name in ("Frequent", "LinearLabels", "FrozenLabels", "FineTunedLabels"):
        register(SEVERAL, f"framework_classification.multilabel.candidates:{name}")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register("classification", "framework_classification.codec:ClassificationCodec")
    register("classification_linear", "framework_classification.linear_codec:LinearCodec")
    register("classification_constant", "framework_classification.linear_codec:ConstantCodec")
    register("multilabel", "framework_classification.multilabel.codec:LabelsCodec")
    register("multilabel_linear", "framework_classification.multilabel.codec:LinearLabelsCodec")
    register("multilabel_constant", "framework_classification.multilabel.codec:ConstantLabelsCodec")
