"""Facts about a model and its files for report and manifest: origin, training, parity, size and speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.contracts.message import Message, message

Plain = str | int | float | bool | None


@dataclass(frozen=True)
class TrainingFacts:
    """How a network was trained, as `framework.train` reports it."""

    epochs: int
    """Epochs up to the kept weights, an unfinished one included."""
    steps: int
    """Optimizer steps up to the kept weights."""
    seconds: float
    """Seconds of training since it was last resumed."""
    precision: str
    """Lightning's name, such as bf16-mixed."""
    devices: int
    """How many devices trained together."""
    device: str
    """The name of the device, such as CPU."""
    resumed_at_step: int | None = None

    def lines(self) -> list[tuple[str, Plain]]:
        """The facts as rows of a table, (name, value) each."""
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
    """The licence of the pretrained weights."""
    parameters: int | None = None
    rows: int | None = None
    """How many training rows the fit used."""
    training: TrainingFacts | None = None
    details: Mapping[str, Plain] = field(default_factory=dict)
    """Further facts to show, by name; no code depends on them. A name that is a `Message` has no values."""
    networks: int = 1
    """How many trained networks its weights are the mean of."""

    def lines(self) -> list[tuple[str, Plain]]:
        """The facts that are not None as rows of a table, (name, value) each."""
        named = [
            (message("backbone"), self.backbone),
            (message("licence"), self.licence),
            (message("parameters"), self.parameters),
            (message("rows"), self.rows),
            *(self.training.lines() if self.training is not None else ()),
            (message("networks averaged"), self.networks if self.networks > 1 else None),
            *((Message(name, {}), value) for name, value in self.details.items()),  # plugins' catalogues translate these names
        ]
        return [(name, value) for name, value in named if value is not None]


VariantFacts = Mapping[str, str | int | float | bool | tuple[str, ...] | None]


@dataclass(frozen=True)
class ParitySummary:
    """How far the outputs of an exact file are from those of the trained module."""

    rows: int = 0
    """How many requests were compared, from raw request to response."""
    shapes: int = 0
    """How many calls with unusual batch and axis sizes were compared."""
    largest_difference: float = 0.0
    """The largest absolute difference of any output."""
    argmax_flips: int = 0
    """Answers whose argmax differs although the best two outputs are farther apart than the tolerance; 0 in shipped files."""
    close_calls: int = 0
    """Answers whose argmax differs where the best two outputs are within the tolerance."""
    steps: int = 0
    """How many calls of a graph with state were compared, each from the same state."""
    references: int = 0
    """How many answers were compared with those of an independent implementation."""
    ties: int = 0
    """Answers that differ from their reference where two outputs are within 1e-4."""


@dataclass(frozen=True)
class Measurement:
    """Metrics, size and speed of one variant, or of the trained module, on validation rows."""

    bytes: int
    metrics: Mapping[str, float]
    milliseconds: float
    """Median latency of a single request."""
    per_second: float
    """Throughput: requests per second, in batches."""
    batch_effect: str
    """How batched answers differ from those to single requests, a sentence."""
