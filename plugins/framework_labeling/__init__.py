"""Sequence labeling: named entities, slots, or any tag for each token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from framework import hookimpl

TASK = "labeling"


@dataclass
class Labeling:
    """Options of `task: labeling`."""

    scheme: str = "auto"
    """The scheme of the tags: BIO, IOB1, IOBES, BILOU, BMES, BMEWO, IO or plain; auto: detected in the training rows."""
    max_length: int = 128
    """Tokens that a model reads at once, at most; longer texts are read in windows."""
    overlap: int = 32
    """Words that neighbouring windows share."""


@hookimpl
def register_tasks(register: Callable[[str, str], None]) -> None:
    register(TASK, "framework_labeling.task:LabelingTask")


@hookimpl
def register_candidates(register: Callable[[str, str], None]) -> None:
    for name in ("MostFrequent", "FrozenTagger", "FineTunedTagger"):
        register(TASK, f"framework_labeling.candidates:{name}")


@hookimpl
def register_codecs(register: Callable[[str, str], None]) -> None:
    register("labeling", "framework_labeling.codec:LabelingCodec")
    register("labeling_most_frequent", "framework_labeling.codec:MostFrequentCodec")


@hookimpl
def register_formats(register: Callable[[str, str], None]) -> None:
    register("conll", "framework_labeling.conll:Conll")
