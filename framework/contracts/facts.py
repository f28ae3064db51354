"""What is known of a fitted model beyond its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.contracts.message import Message, message

Plain = str | int | float | bool | None


@dataclass(frozen=True)
class TrainingFacts:
    """How a network was trained, as `framework.train` reports it."""

    epochs: int
    """Whole and begun ones, up to the weights that are kept."""
    steps: int
    """Optimizer steps up to these weights."""
    seconds: float
    """Of training, since it was last resumed."""
    precision: str
    """Lightning's name, such as bf16-mixed."""
    devices: int
    device: str
    """The kind, such as CPU."""
    resumed_at_step: int | None = None

    def lines(self) -> list[tuple[str, Plain]]:
        """By name, for a table."""
        return [
            (message("epochs"), self.epochs),
            (message("steps"), self.steps),
            (message("seconds"), self.seconds),
            (message("numeric precision"), self.precision),
            (message("devices"), self.devices),
            (message("device"), self.device),
            (message("resumed_at_step"), self.resumed_at_step),
        ]


@dataclass(frozen=True)
class ModelFacts:
    """Where the model comes from and how it was trained."""

    backbone: str | None = None
    """The address of the pretrained weights."""
    licence: str | None = None
    """Of the pretrained weights."""
    parameters: int | None = None
    rows: int | None = None
    """Training rows that were used."""
    training: TrainingFacts | None = None
    details: Mapping[str, Plain] = field(default_factory=dict)
    """Further facts for people, by name; nothing is decided by them. A name that is a `Message` has no values."""

    def lines(self) -> list[tuple[str, Plain]]:
        """Everything that is known, by name, for a table."""
        named = [
            (message("backbone"), self.backbone),
            (message("licence"), self.licence),
            (message("parameters"), self.parameters),
            (message("rows"), self.rows),
            *(self.training.lines() if self.training is not None else ()),
            *((Message(name, {}), value) for name, value in self.details.items()),  # as plugins wrote them, and catalogues have
        ]
        return [(name, value) for name, value in named if value is not None]


VariantFacts = Mapping[str, str | int | float | bool | tuple[str, ...] | None]


@dataclass(frozen=True)
class ParitySummary:
    """How far an exact file's outputs are from the trained model's."""

    rows: int = 0
    """Requests compared from raw request to answer."""
    shapes: int = 0
    """Runs with odd batch and axis sizes compared."""
    largest_difference: float = 0.0
    """Absolute, of any output."""
    argmax_flips: int = 0
    """Other answers beyond the tolerance: 0, or it had not shipped."""
    close_calls: int = 0
    """Other answers where the best two lie within the tolerance."""
    steps: int = 0
    """Graph runs compared from the same state on, where a graph has state."""
    references: int = 0
    """Answers held to those of an independent implementation."""
    ties: int = 0
    """References that differ where two outputs lie within 1e-4."""


@dataclass(frozen=True)
class Measurement:
    """What one way to run the model gives and costs, on validation rows."""

    bytes: int
    metrics: Mapping[str, float]
    milliseconds: float
    """Median of one request alone."""
    per_second: float
    """Requests, in batches."""
    batch_effect: str
    """What answering requests together instead of alone changed."""
