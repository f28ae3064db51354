"""Defers Ctrl-C during work that must not be interrupted."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred() -> Iterator[None]:
    """Defers a Ctrl-C to the end of the block, where the handler before the block gets it; a second Ctrl-C interrupts at once.

    Does nothing outside the main thread, and where Python does not handle SIGINT. torch's tracers call Python from C++, where
    an exception at the wrong moment causes a segmentation fault.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    frames: list[FrameType | None] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if frames:
            raise KeyboardInterrupt
        frames.append(frame)
        print("stopping when this file is written; Ctrl-C again stops at once", file=sys.stderr)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if frames:
        before(signal.SIGINT, frames[0])
