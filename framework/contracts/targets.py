"""Targets: what the file that ships should be on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from framework.contracts.facts import Measurement
from framework.contracts.message import Message, message


@dataclass(frozen=True)
class Targets:
    """The most that one request and the files of a variant may take."""

    latency_ms: float | None = None
    """Milliseconds of one request alone, the median; None: no target."""
    size_mb: float | None = None
    """Megabytes of the files, the tables that graphs take included; None: no target."""

    @property
    def named(self) -> bool:
        """Whether there is a target."""
        return self.latency_ms is not None or self.size_mb is not None

    def misses(self, measured: Measurement) -> list[Message]:
        """By how much a measured file misses each target that it misses."""
        return [
            message(
                "{over:.3g} {unit} above target.{name}={target:g}", over=value - target, unit=unit, name=name, target=target
            )
            for name, unit, value, target in self._compared(measured)
            if value > target
        ]

    def excess(self, measured: Measurement) -> float:
        """The largest value of a measured file as a multiple of its target: at most 1 where all are met, 0 without targets."""
        return max((value / target for _, _, value, target in self._compared(measured)), default=0.0)

    def _compared(self, measured: Measurement) -> Iterator[tuple[str, str, float, float]]:
        """Name, unit, value and target of each target."""
        values = (("latency_ms", "ms", measured.milliseconds), ("size_mb", "MB", measured.bytes / 1e6))
        for (name, unit, value), target in zip(values, (self.latency_ms, self.size_mb), strict=True):
            if target is not None:
                yield name, unit, value, target
