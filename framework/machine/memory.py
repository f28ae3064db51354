"""Reads how much memory is available, and returns freed memory to the system."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

from framework.machine.cpus import CGROUPS, OWN

MEMINFO = Path("/proc/meminfo")
UNLIMITED = 1 << 60  # bytes; a limit of cgroup v1 from this number on means no limit


def available_memory(meminfo: Path = MEMINFO, groups: Path = CGROUPS, own: Path = OWN) -> int | None:
    """Bytes that can be allocated without swapping and within a container's limit; None if the system does not report it."""
    available = [int(line.split()[1]) * 1024 for line in _read(meminfo).splitlines() if line.startswith("MemAvailable:")]
    lines = _read(own).splitlines()
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers in ("", "memory") and ".." not in path:
            group = groups / controllers / path.strip("/")
            for folder in [group, *group.parents][: len(Path(path.strip("/")).parts) + 1]:  # up to the root of the groups
                available += _unused(folder)
    return max(0, min(available)) if available else None


def _unused(folder: Path) -> list[int]:
    """Unused bytes of a control group (v2, or the memory controller of v1), a list of at most one number; empty: no limit.

    The file cache of the group counts as unused.
    """
    names = [("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")]
    cached = [line.split()[1] for line in _read(folder / "memory.stat").splitlines() if line.startswith("inactive_file ")]
    values = [(_read(folder / limit).strip(), _read(folder / used).strip()) for limit, used in names]
    numbers = [(int(limit), int(used)) for limit, used in values if limit.isdigit() and used.isdigit()]
    return [limit - used + sum(map(int, cached)) for limit, used in numbers if limit < UNLIMITED]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was refused: Python's and numpy's, or one of torch, for a CPU or a GPU."""
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def give_back() -> None:
    """Makes glibc return freed memory to the system, which takes milliseconds; does nothing with another C library."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def peak_bytes() -> int:
    """The most resident memory that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
