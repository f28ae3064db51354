"""What a benchmark ran on, as the first line of its output."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from framework.machine.cpus import granted_cpus
from framework.machine.versions import cpu_model
from framework.training.trainer import best_precision

LIBRARIES = ("torch", "transformers", "accelerate", "pytorch-lightning", "onnxruntime", "tokenizers", "numpy")


def heading() -> str:
    """CPU, cores granted to this process, bfloat16 in hardware, load over the last minute, library versions."""
    bf16 = "yes" if best_precision("cpu") == "bf16-mixed" else "no"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {number}" for name in LIBRARIES if (number := _version(name)))
    python = platform.python_version()
    return f"{cpu_model()}, {granted_cpus()} cores, bf16 in hardware: {bf16}{load}; python {python}, {versions}\n"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
