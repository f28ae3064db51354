"""Describes the machine and the versions of libraries, for reports and manifests."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from framework.machine.cpus import granted_cpus

LIBRARIES = ("recipe-framework", "torch", "transformers", "pytorch-lightning", "tokenizers", "onnx", "onnxruntime", "numpy")


def library_versions() -> dict[str, str]:
    """The versions of Python and of the installed libraries, by name."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def machine() -> dict[str, str]:
    """The CPU model, the number of cores that this process may use, and the operating system, as texts by name."""
    return {"CPU": cpu_model(), "cores": str(granted_cpus()), "system": platform.platform(terse=True)}


def cpu_model() -> str:
    """The model name of the CPU; empty where the system does not tell."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
