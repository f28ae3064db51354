"""Writes event files into the run's folder with TensorBoard's writer, no torch; ``tensorboard --logdir runs`` shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from framework_trackers import TensorBoard
from framework_trackers.hparams import Plain, summaries


class TensorBoardRun:
    """A `TrackedRun` in TensorBoard.

    Metrics are under SCALARS, the recipe and the files of the artifact under TEXT, recipe and final metrics under HPARAMS.
    """

    def __init__(self, folder: Path, flush_secs: int) -> None:
        self.folder, self.flush_secs = folder, flush_secs
        self.recipe: dict[str, Plain] = {}
        self._writer: EventFileWriter | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the writer: a training process works on a pickled copy, which opens an event file of its own."""
        return {**self.__dict__, "_writer": None}

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        self.recipe = dict(_flat(params))
        self._add(text_pb("recipe/text_summary", _code((self.folder / "config.yaml").read_text(encoding="utf-8"))))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        for name, value in metrics.items():
            self._add(Summary(value=[Summary.Value(tag=name, simple_value=float(value))]), step)

    def finalize(self, status: str) -> None:
        if self._writer is not None:
            self._writer.flush()  # not closed, or the rest of the run would go into a second file

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self.log_metrics(metrics, step=0)
        for summary in summaries(self.recipe, metrics):
            self._add(summary)
        files = [f"{path.stat().st_size:>14,}  {path}" for path in sorted(artifact.rglob("*")) if path.is_file()]
        self._add(text_pb("artifact/text_summary", _code("\n".join(files))))
        self._events().close()

    def _add(self, summary: Summary, step: int | None = None) -> None:
        self._events().add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _events(self) -> EventFileWriter:
        """The writer, opened at the first event."""
        if self._writer is None:
            self._writer = EventFileWriter(str(self.folder / "logs" / "tensorboard"), flush_secs=self.flush_secs)
        return self._writer


def start(options: TensorBoard, recipe: str, folder: Path) -> TensorBoardRun:
    """Starts a run in TensorBoard. From now on errors of the writer's thread are not printed; see `_skip_writer_errors`."""
    threading.excepthook = partial(_skip_writer_errors, threading.excepthook)
    return TensorBoardRun(folder, options.flush_secs)


def _skip_writer_errors(hook: Callable[[threading.ExceptHookArgs], object], args: threading.ExceptHookArgs) -> None:
    """Calls `hook`, except for errors of TensorBoard's writer thread, which the writer raises again when it is next called."""
    if not type(args.thread).__module__.startswith("tensorboard."):
        hook(args)


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Plain]]:
    """The values of a nested recipe: ``{"trainer": {"max_epochs": 4}}`` -> ``trainer/max_epochs``, 4. Lists become texts."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value if isinstance(value, bool | int | float | str) else str(value)


def _code(text: str) -> str:
    """The text as a code block of Markdown, which TensorBoard shows unchanged."""
    return "\n".join(f"    {line}" for line in text.splitlines())
