"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_encode = json.JSONEncoder(default=str).encode  # escapes what a terminal could take for a command


def log(event: str, level: int = logging.INFO, **said: Any) -> None:
    """Writes a line. The logging module would look up who called, for each request."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": logging.getLevelName(level).lower(), "event": event, **said}
    sys.stdout.write(_encode(entry) + "\n")
    sys.stdout.flush()


class _Lines(logging.Handler):
    """The records of libraries, as lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        log(record.getMessage(), record.levelno, logger=record.name, **trace)


def start_logging() -> None:
    """Takes over what uvicorn says of connections that go wrong, and asyncio of tasks that do."""
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Lines()], False
        logger.setLevel(logging.WARNING)
