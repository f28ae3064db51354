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
    """Defers a Ctrl-C to the end of the block, which then raises KeyboardInterrupt; a second Ctrl-C interrupts at once.

    Does nothing outside the main thread. torch's tracers call Python from C++, where an exception at the wrong moment causes a
    segmentation fault.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    pressed = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        print("stopping when this file is written; Ctrl-C again stops at once", file=sys.stderr)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
