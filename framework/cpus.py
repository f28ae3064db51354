"""How many CPUs there are for this process."""

from __future__ import annotations

import os


def granted_cpus() -> int:
    """CPUs this process is allowed to run on, which may be fewer than the host has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
