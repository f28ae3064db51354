"""The surface that serves any model: a prediction for each input."""

from __future__ import annotations

from collections.abc import Callable

from framework import hookimpl

SURFACE = "predict"


@hookimpl
def register_surfaces(register: Callable[[str, str], None]) -> None:
    register(SURFACE, "framework_predict.surface:Predict")
