"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_encode = json.JSONEncoder(default=str).encode  # escapes control characters, which a terminal could take for commands


def log(event: str, level: int = logging.INFO, **facts: Any) -> None:
    """Writes one line. Does not use the logging module, because that would look up the caller for each request."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": logging.getLevelName(level).lower(), "event": event, **facts}
    sys.stdout.write(_encode(entry) + "\n")
    sys.stdout.flush()


class _JsonHandler(logging.Handler):
    """Writes log records of libraries with `log`."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        log(record.getMessage(), record.levelno, logger=record.name, **trace)


def start_logging() -> None:
    """From now on warnings and errors of uvicorn and asyncio are written with `log`, too."""
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_JsonHandler()], False
        logger.setLevel(logging.WARNING)
