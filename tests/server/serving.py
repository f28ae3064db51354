"""A server in a process of its own, as an operator starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PATIENCE = 60.0  # seconds: test machines are busy
KEY = "0123456789abcdef-key"
TALK: dict[str, Any] = {"timeout": PATIENCE, "verify": False}  # reading certificates would take most of the time


@dataclass
class Serving:
    process: subprocess.Popen[str]
    port: int
    out: Path
    err: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, **TALK, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.post(self.url + path, **TALK, **(given if body is not None else {}), **more)

    def predict(self, *inputs: Any, **more: Any) -> httpx.Response:
        return self.post("/v1/predict", {"inputs": list(inputs)}, **more)

    def version(self) -> str:
        return str(self.get("/readyz").json()["models"].popitem()[1])

    def log(self) -> list[dict[str, Any]]:
        """The lines written so far; the last may be half there."""
        return [json.loads(line) for line in self.out.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]

    def logged(self, **wanted: Any) -> dict[str, Any]:
        """Waits for the first line with these values: that of a request is written after its answer."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log() if wanted.items() <= line.items()]

        until(found)
        return found()[0]

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of the series of that name with these labels."""
        total = 0.0
        for line in self.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            own, _, rest = series.partition("{")
            if own == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += float(value)
        return total

    def workers(self) -> list[int]:
        """The processes that answer, where there are several."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)


def command(*arguments: str, python: Path | str = sys.executable) -> list[str]:
    return [str(python), "-m", "framework", "serve", *arguments]


@contextmanager
def serving(
    folder: Path,
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    python: Path | str = sys.executable,
    port: int = 0,
    while_starting: Callable[[], None] = lambda: None,
) -> Iterator[Serving]:
    """A server, on a free port unless one is given, once it says that it serves."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "out.log", folder / "err.log"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            command(*map(str, arguments), "--port", str(port), python=python), stdout=stdout, stderr=stderr, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        )  # fmt: skip
    try:
        yield Serving(process, _port(process, err, while_starting), out, err)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _port(process: subprocess.Popen[str], err: Path, meanwhile: Callable[[], None]) -> int:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"Serving .* at http://\S+?:(\d+) ", err.read_text("utf-8")):
            return int(found[1])
        meanwhile()
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {err.read_text('utf-8')}")


def until(condition: Any, seconds: float = PATIENCE) -> None:
    """Waits until `condition()` is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
