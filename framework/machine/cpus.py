"""The number of CPUs that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # all control groups; a list of those of this process


def granted_cpus(groups: Path = CGROUPS, own: Path = OWN) -> int:
    """The number of CPUs in the affinity mask, or fewer if a control group, such as a container's, limits CPU time; at least 1.

    A quota of 1.5 CPUs counts as one, because a second thread would wait half of the time.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *map(int, _quotas(groups, own))]))


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    """The quotas, in CPUs, of the process's control groups and their parents (cgroup v2, or the cpu controller of v1)."""
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
