"""Runs ONNX files with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from framework.contracts.graph import Backend, Graph, Tensors
from framework.errors import FrameworkError, InputError, nearest
from framework.machine.cpus import granted_cpus

# Optimizers of onnxruntime that are disabled. The CPU kernel of SkipLayerNormalization takes several times as long as the Add
# and LayerNormalization that it replaces.
SLOWER = ("SkipLayerNormFusion",)
CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Device:
    """Where graphs run. Raises InputError for a provider that the installed onnxruntime lacks."""

    provider: str = CPU
    """An execution provider of onnxruntime; short names work too, such as ``cuda``."""
    threads: int | None = None
    """Threads of one run; None: as many as CPUs that the process may use."""
    spin: bool = True
    """Whether threads wait for work in a busy loop, which is fastest while no other program needs the CPUs."""

    def __post_init__(self) -> None:
        available = onnxruntime.get_available_providers()
        short = {name.removesuffix("ExecutionProvider").lower(): name for name in available}
        name = short.get(self.provider.lower(), self.provider)
        if name not in available:
            raise InputError(
                f"no execution provider {self.provider!r} in this onnxruntime; {nearest(self.provider, available)}"
            )
        object.__setattr__(self, "provider", name)
        object.__setattr__(self, "threads", self.threads or granted_cpus())


class OnnxBackend:
    """One onnxruntime session for each graph."""

    def __init__(self, graphs: Sequence[Graph], paths: Mapping[str, Path], device: Device) -> None:
        self.outputs = {graph.name: [tensor.name for tensor in graph.outputs] for graph in graphs}
        self.sessions = {name: _session(path, device) for name, path in paths.items()}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        names = self.outputs[graph]
        return dict(zip(names, self.sessions[graph].run(names, feeds), strict=True))


def _session(path: Path, device: Device) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # both keep the largest run's memory, and are no faster
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(device.spin)))
    providers = [device.provider] if device.provider == CPU else [device.provider, CPU]  # the CPU runs what it lacks
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers, disabled_optimizers=list(SLOWER))
    except Exception as error:  # onnxruntime raises many kinds, none of them exported
        raise FrameworkError(f"onnxruntime cannot load {path}: {error}") from error
    if session.get_providers()[0] != device.provider:  # onnxruntime falls back with a warning
        raise FrameworkError(f"onnxruntime could not start {device.provider} for {path}; --provider cpu runs without it")
    return session


def open_onnx(graphs: Sequence[Graph], paths: Mapping[str, Path], device: Device | None = None) -> Backend:
    """A backend over ONNX files. paths: by graph. device: None: the CPU. Raises FrameworkError if a file cannot be loaded."""
    return OnnxBackend(graphs, paths, device or Device())
