"""The command line in a process of its own, forked from one that has imported the libraries of a run: seconds less each.

What a process is killed by, what it prints and how it ends are real; how it starts is tested with `subprocess` elsewhere.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["framework.run.pipeline", "framework_classification.fine_tuned", "framework_classification.linear_candidate",
     "framework_onnx.int8_search", "sklearn.linear_model",
     "torch._dynamo", "torch.export", "onnxscript", "transformers.models.bert.modeling_bert",
     "framework_trackers.tensorboard"]
)  # fmt: skip


class _Output(threading.Thread):
    """What is written into a pipe."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.read, self.write = os.pipe()
        self.text = ""

    def run(self) -> None:
        with os.fdopen(self.read, encoding="utf-8") as stream:
            self.text = stream.read()


@dataclass
class Command:
    """As much of `subprocess.Popen` as is needed here."""

    process: ForkServerProcess
    out: _Output
    err: _Output

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def returncode(self) -> int:
        assert self.process.exitcode is not None, "it has not ended"
        return self.process.exitcode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Output and errors, once it has ended."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        for output in (self.out, self.err):
            output.join(timeout)
        return self.out.text, self.err.text

    def kill(self) -> None:
        self.process.kill()


def start(
    folder: Path,
    *arguments: str,
    joined: bool = False,
    path: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    file_limit: int = -1,
    before: Callable[[], None] | None = None,
) -> Command:
    """Starts ``python -m framework ARGUMENTS`` in a folder.

    joined: errors come between the output. path: folders to import from, as PYTHONPATH names them.
    file_limit: the bytes that a file may have, as a quota or `ulimit -f` limits them; -1 for any number.
    before: what the process does first; it can be pickled.
    """
    out = _Output()
    err = out if joined else _Output()
    outputs = {out, err}
    more = (list(map(str, path)), dict(environment or os.environ), file_limit, before)
    process = _CONTEXT.Process(target=_Start(folder, arguments, (out.write, err.write), *more))
    process.start()
    for output in outputs:
        os.close(output.write)
        output.start()
    return Command(process, out, err)


def run(folder: Path, *arguments: str, timeout: float = 120, **more: Any) -> subprocess.CompletedProcess[str]:
    """The same, waited for."""
    command = start(folder, *arguments, **more)
    try:
        out, err = command.communicate(timeout)
    finally:
        command.kill()
    return subprocess.CompletedProcess(arguments, command.returncode, out, err)


@dataclass
class _Start:
    """What the forked process does."""

    folder: Path
    arguments: Sequence[str]
    streams: tuple[int, int]
    path: Sequence[str]
    environment: Mapping[str, str]
    file_limit: int
    before: Callable[[], None] | None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "streams": tuple(map(DupFd, self.streams))}

    def __call__(self) -> None:
        for given, stream in zip(self.streams, (1, 2), strict=True):
            fd = given.detach()  # type: ignore[attr-defined]
            os.dup2(fd, stream)
            os.close(fd)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", closefd=False)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.path[:0] = self.path
        sys.argv = ["framework", *self.arguments]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.file_limit >= 0:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))
        if self.before is not None:
            self.before()
        from framework.__main__ import main

        code = main(list(self.arguments))
        threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter does at its end, and a fork does not
        atexit._run_exitfuncs()
        sys.exit(code)
