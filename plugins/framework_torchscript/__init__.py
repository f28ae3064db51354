"""Exporter of TorchScript files, for C++ and for services that run torch already."""

from __future__ import annotations

from collections.abc import Callable

from framework import Exporter, hookimpl


@hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    register(
        Exporter(
            "torchscript",
            export="framework_torchscript.export:export",
            open="framework_torchscript.export:open_files",
            format="torchscript",
        )
    )
