"""The machine and the libraries that a run was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from framework.machine.cpus import granted_cpus

LIBRARIES = ("recipe-framework", "torch", "transformers", "pytorch-lightning", "tokenizers", "onnx", "onnxruntime", "numpy")


def library_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """CPU model, the cores this process may use, operating system."""
    return {"CPU": cpu_model(), "cores": str(granted_cpus()), "system": platform.platform(terse=True)}


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
