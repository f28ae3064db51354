"""What a benchmark ran on, as the first line of its output."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from framework.cpus import granted_cpus
from framework.training import best_precision

LIBRARIES = ("torch", "transformers", "accelerate", "pytorch-lightning", "onnxruntime", "tokenizers", "numpy")


def heading() -> str:
    """CPU, cores granted to this process, bfloat16 in hardware, load over the last minute, library versions."""
    bf16 = "yes" if best_precision("cpu") == "bf16-mixed" else "no"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _version(name)))
    return f"{_cpu()}, {granted_cpus()} cores, bf16 in hardware: {bf16}{load}; python {platform.python_version()}, {versions}\n"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
