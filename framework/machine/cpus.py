"""How many CPUs there are for this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def granted_cpus(groups: Path = CGROUPS, own: Path = OWN) -> int:
    """CPUs this process may use: those it may run on, or fewer where its control group grants less time (a container's limit).

    A quota of 1.5 CPUs counts as one: a second thread would be held back half of the time.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *map(int, _quotas(groups, own))]))


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    """The quota in CPUs of each control group this process is in and of those above it (cgroup v2, or v1's cpu controller)."""
    lines = _read(own).splitlines()
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / "cpu" if controllers else groups
        inside = path.strip("/").split("/") if path.strip("/") and ".." not in path else []
        for depth in range(len(inside) + 1):
            folder = root.joinpath(*inside[:depth])
            if controllers:
                quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
            else:
                quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
