"""Memory: what is there to take, and what was freed back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

from framework.machine.cpus import CGROUPS, OWN

MEMINFO = Path("/proc/meminfo")
UNLIMITED = 1 << 60  # cgroup v1's way to say that there is no limit


def available_memory(meminfo: Path = MEMINFO, groups: Path = CGROUPS, own: Path = OWN) -> int | None:
    """Bytes that can be taken without swapping and within the limit of a container; None where the system does not say."""
    found = [int(line.split()[1]) * 1024 for line in _read(meminfo).splitlines() if line.startswith("MemAvailable:")]
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory") and ".." not in path:
            root = groups / controllers
            for folder in {root / path.strip("/"), root}:
                found += _left(folder)
    return max(0, min(found)) if found else None


def _left(folder: Path) -> list[int]:
    """The limit of a control group (v2, or v1's memory controller) less what is used; files in its cache can be let go."""
    names = [("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")]
    cached = [line.split()[1] for line in _read(folder / "memory.stat").splitlines() if line.startswith("inactive_file ")]
    values = [(_read(folder / limit).strip(), _read(folder / used).strip()) for limit, used in names]
    numbers = [(int(limit), int(used)) for limit, used in values if limit.isdigit() and used.isdigit()]
    return [limit - used + sum(map(int, cached)) for limit, used in numbers if limit < UNLIMITED]


def give_back() -> None:
    """Lets the C library return what it keeps of freed memory, where it can be asked to (glibc). Takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
