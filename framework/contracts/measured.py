"""What is known of one way to run a model: how far it is from the trained one, what it costs, whether it ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
